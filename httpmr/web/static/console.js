// What a page adds where there is JavaScript: it keeps itself up to date, and it can drive the job.
// Without it everything works as well, by reloading.
"use strict";

const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
const find = (selector) => document.querySelector(selector);
const about = (seconds) => seconds * (0.5 + Math.random());

// The live part: the same page is fetched again, and what has changed is changed node by node, so
// that nothing that is read, selected, opened or typed moves.

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    const selection = getSelection();
    if (selection.isCollapsed || !selection.containsNode(old, true)) old.data = fresh.data;
    return;
  }
  if ("keep" in old.dataset) return;
  for (const name of [...old.getAttributeNames(), ...fresh.getAttributeNames()]) {
    const value = fresh.getAttribute(name);
    if (name === "open" || value === old.getAttribute(name)) continue;
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
  }
  let at = old.firstChild;
  const drop = () => { const gone = at; at = at.nextSibling; gone.remove(); };
  for (const node of [...fresh.childNodes]) {
    const alike = (it) => it.id === node.id && it.nodeName === node.nodeName;
    let same = at; // what has an id may come later: what stands before it has gone
    while (same && !alike(same)) same = node.id && same.nextSibling;
    if (same) {
      while (at !== same) drop();
      at = same.nextSibling;
      morph(same, node);
    } else old.insertBefore(node, at);
  }
  while (at) drop();
}

let latest = 0;
async function refresh() {
  const mine = ++latest;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const live = page.querySelector("#live");
  if (!live || mine !== latest) return;
  document.title = page.title;
  morph(find("#live"), live);
}
const soon = () => refresh().catch(() => {});

async function watch() {
  for (let failures = 0; ; ) {
    const began = performance.now();
    if (!document.hidden) failures = await refresh().then(() => 0, () => Math.min(failures + 1, 5));
    const took = (performance.now() - began) / 1000;
    const every = { running: 2, paused: 4 }[find("#live").dataset.state] ?? 20;
    await wait(Math.max(every, 10 * took) * 2 ** failures);
  }
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest(".copy"), cell = event.target.closest(".grid a");
  if (copy) {
    const code = copy.previousElementSibling;
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
    } catch { copy.textContent = "Press Ctrl-C"; } // it is selected; more takes HTTPS
  } else if (cell && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    history.replaceState(null, "", cell.href);
    soon();
  } else if (event.target.id === "here") {
    event.preventDefault();
    run ? stop("Stopped.") : drive(Number(find("#lanes").value));
  }
});
document.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".grid a");
  if (!cell || !event.key.startsWith("Arrow")) return;
  event.preventDefault(); // the page would move
  const cells = [...cell.parentNode.children];
  const row = cells.filter((it) => it.offsetTop === cells[0].offsetTop).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
  cells[cells.indexOf(cell) + step]?.focus();
});

// Driving: lanes of one request after the other. The tab remembers that it drives.

let run = null; // what the lanes of one press of the button share; null: none
const say = (at, text) => { if (at && at.textContent !== text) at.textContent = text; };

function drive(lanes) {
  const { step, job } = find("#here").dataset;
  sessionStorage.driver ??= Math.random().toString(36).slice(2);
  sessionStorage[job] = find("#lanes").value = lanes;
  run = { lanes, step, job, slices: 0 };
  show("");
  for (let n = 0; n < lanes; n++) lane(run);
}

function stop(why) {
  delete sessionStorage[run.job];
  run = null;
  show(why);
  soon();
}

function show(doing) {
  find("#here")?.classList.toggle("on", !!run);
  find("#lanes")?.toggleAttribute("disabled", !!run);
  say(find("#here"), run ? "Stop" : "Drive here");
  say(find("#doing"), doing);
  say(find("#count"), "");
}

async function lane(mine) {
  const asked = { method: "POST", headers: { "Httpmr-Driver": sessionStorage.driver } };
  for (let failures = 0, idle = 0; run === mine; ) {
    const answer = await fetch(mine.step, asked).catch(() => null); // null: there was none
    const code = answer?.status, said = (await answer?.json().catch(() => null)) ?? {};
    if (run !== mine) return;
    if (answer?.redirected) { // in a pipeline: on to the job that follows, to drive that
      const next = new URL(".", answer.url);
      delete sessionStorage[mine.job];
      sessionStorage[next.pathname.split("/").at(-3)] = mine.lanes;
      run = null;
      location = next;
    } else if (code === 202 && said.state) {
      failures = 0;
      idle = said.did === "slice" ? 0 : idle + 1;
      say(find("#doing"), `Driving in ${mine.lanes} lane${mine.lanes > 1 ? "s" : ""}.`);
      if (!idle) say(find("#count"), `${++mine.slices} slices so far`);
      if (idle) await wait(about(Math.min(0.1 * 2 ** idle, 2)));
    } else if (said.state === "paused") {
      say(find("#doing"), "The job is paused. This tab goes on when it is resumed.");
      await soon();
      while (run === mine && find("#live").dataset.state === "paused") await wait(1);
    } else if (said.state || (code >= 400 && code < 500 && code !== 429)) {
      stop(said.state ? `The job is ${said.state}.` : said.error || "The link is no longer good.");
    } else {
      say(find("#doing"), `No answer (${code || "the server cannot be reached"}). Trying again.`);
      await wait(about(Math.min(2 ** failures++ / 2, 30)));
    }
  }
}

document.documentElement.classList.add("scripted"); // shows what is of no use without
if (find("#live")) watch();
const lanes = Number(sessionStorage[find("#here")?.dataset.job]);
if (lanes) drive(lanes);
