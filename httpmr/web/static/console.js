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
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const node of [...old.children]) {
    if (node.id && ![...fresh.children].some((it) => it.id === node.id)) node.remove();
  }
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const gone = at; // unless it is the same, or comes later
    if (!at || ((node.id || at.id) && at.id !== node.id)) {
      old.insertBefore(node, at);
      continue;
    }
    at = at.nextSibling;
    if (gone.nodeName === node.nodeName) morph(gone, node);
    else gone.replaceWith(node);
  }
  for (let next; at; at = next) {
    next = at.nextSibling;
    at.remove();
  }
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
  dress();
}
const soon = () => refresh().catch(() => {});

async function watch() {
  for (let failures = 0; ; ) {
    const began = performance.now();
    try {
      if (!document.hidden) await refresh();
      failures = 0;
    } catch { failures = Math.min(failures + 1, 5); }
    const took = (performance.now() - began) / 1000;
    const every = { running: 2, paused: 4 }[find("#live").dataset.state] ?? 20;
    await wait(Math.max(every, 10 * took) * 2 ** failures);
  }
}

function dress() { // what is only of use with JavaScript is hidden until there is some
  for (const node of document.querySelectorAll(".copy, #drive label")) node.hidden = false;
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest(".copy"), cell = event.target.closest(".grid a");
  if (copy) {
    const code = copy.parentNode.querySelector("code");
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
    if (run) stop();
    else drive(Number(find("#lanes").value));
  }
});
document.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".grid a");
  if (cell && event.key.startsWith("Arrow")) {
    const cells = [...cell.parentNode.children];
    const row = cells.filter((it) => it.offsetTop === cells[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
    cells[cells.indexOf(cell) + step]?.focus();
    event.preventDefault(); // the page would move
  }
  if (event.key === " " && event.target.id === "here") event.preventDefault(), event.target.click();
});

// Driving: lanes of one request after the other. The tab remembers that it drives.

let run = null; // what the lanes of one press of the button share; null: none
const say = (text) => { const at = find("#doing"); if (at && at.textContent !== text) at.textContent = text; };

function drive(lanes) {
  const { step, job } = find("#here").dataset;
  const driver = sessionStorage.getItem("driver") || Math.random().toString(36).slice(2);
  run = { lanes, step, job, driver, slices: 0 };
  sessionStorage.setItem("driver", driver);
  sessionStorage.setItem(job, lanes);
  show();
  for (let n = 0; n < lanes; n++) lane(run);
}

function stop(why = "Stopped.") {
  sessionStorage.removeItem(run.job);
  run = null;
  show();
  say(why);
  soon();
}

function show() {
  const button = find("#here");
  if (!button) return;
  button.textContent = run ? "Stop" : "Drive here";
  button.classList.toggle("on", !!run);
  find("#lanes").disabled = !!run;
  if (!run) find("#count").textContent = "";
}

async function lane(mine) {
  for (let failures = 0, idle = 0; run === mine; ) {
    let code = 0, said = {}, next;
    try {
      const answer = await fetch(mine.step, { method: "POST", headers: { "Httpmr-Driver": mine.driver } });
      code = answer.status;
      next = answer.redirected && new URL(".", answer.url);
      said = await answer.json();
    } catch {} // no answer, or none of ours
    if (run !== mine) return;
    if (next) return follow(next);
    if (code === 202 && said.state) {
      failures = 0;
      idle = said.did === "slice" ? 0 : idle + 1;
      mine.slices += said.did === "slice";
      say(`Driving in ${mine.lanes} lane${mine.lanes > 1 ? "s" : ""}.`);
      if (find("#count")) find("#count").textContent = `${mine.slices} slices so far`;
      if (idle) await wait(about(Math.min(0.1 * 2 ** idle, 2)));
    } else if (said.state === "paused") {
      say("The job is paused. This tab goes on when it is resumed.");
      await soon();
      while (run === mine && find("#live").dataset.state === "paused") await wait(1);
    } else if (said.state || (code >= 400 && code < 500 && code !== 429)) {
      stop(said.state ? `The job is ${said.state}.` : said.error || "The link is no longer good.");
    } else {
      say(`No answer (${code || "the server cannot be reached"}). Trying again.`);
      await wait(about(Math.min(2 ** failures++ / 2, 30)));
    }
  }
}

// In a pipeline: the tab goes on to the job that follows, and drives that.
function follow(next) {
  sessionStorage.removeItem(run.job);
  sessionStorage.setItem(next.pathname.split("/").at(-3), run.lanes);
  run = null;
  location = next;
}

dress();
if (find("#live")) watch();
const lanes = Number(sessionStorage.getItem(find("#here")?.dataset.job));
if (lanes) {
  find("#lanes").value = lanes;
  drive(lanes);
}
