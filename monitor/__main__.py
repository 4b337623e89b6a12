"""`python -m monitor` is `driftgauge`."""

from monitor.cli import main

if __name__ == "__main__":
    main()
