"""`python -m mfpnet` is `mfpnet`."""

from mfpnet.cli import main

if __name__ == "__main__":
    main()
