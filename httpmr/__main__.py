"""`python -m httpmr` is `httpmr`."""

import sys

from httpmr.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
