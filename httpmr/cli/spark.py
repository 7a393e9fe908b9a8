"""`httpmr spark`: the job of a TARGET on a Spark cluster."""

import argparse
import contextlib
import os
import sys
from functools import partial

from httpmr.cli import show, target
from httpmr.cli.params import given
from httpmr.errors import HttpmrError, JobError
from httpmr.web.plain import pair


def spark(args: argparse.Namespace) -> int:
    """Run the job on Spark and print its output; return the exit code."""
    try:
        from pyspark import SparkConf, SparkContext

        from httpmr.contrib.spark import run
    except ImportError as error:
        raise HttpmrError(f'Spark takes pyspark ({error}): pip install "httpmr[spark]"') from None
    master = target.master(args.target)
    params = given(master.recipe, args.params)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = SparkConf().setMaster(args.master).setAppName(f"httpmr {master.recipe.name}")
    conf.set("spark.log.level", "ERROR").set("spark.ui.showConsoleProgress", "false")
    with contextlib.redirect_stdout(sys.stderr):
        context = SparkContext(conf=conf)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            result = run(partial(target.master, args.target), context, **params)
        show.say(
            f"{master.recipe.name}: done on {args.master}, {len(result.bad_records)} bad records"
        )
        for name, n in sorted(result.counters.items()):
            show.say(f"counter {name}: {n:,}")
        try:
            for key, value in result.output():
                print(pair(key, value))
        except JobError as error:  # the sink has it
            show.say(str(error))
    finally:
        context.stop()
    return 0
