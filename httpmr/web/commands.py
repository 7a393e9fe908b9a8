"""The commands that drive a job, as its page prints them."""

WGET = (
    "wget -q -r -l inf -nd -e robots=off --delete-after --tries=0 --waitretry=10 "
    "--timeout=120 --retry-connrefused --retry-on-http-error=429,502,503,504"
)


def commands(job: str) -> dict[str, str]:
    """Return {driver: its command line}; `job` is the whole URL of a job, with its slash.

    They go on to the job that follows in a pipeline, hence no -np of wget and -L of curl.
    """
    return {
        "wget": f"{WGET} {job}drive",
        "curl": (
            "while [ \"$(curl -sL --retry 50 --retry-connrefused -o /dev/null -w '%{http_code}' "
            f"-d '' {job}step)\" = 202 ]; do :; done"
        ),
        "httpmr": f"httpmr drive -j 4 {job}",
    }
