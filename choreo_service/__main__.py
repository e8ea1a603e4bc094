"""`python -m choreo_service` is the `choreo` command."""

from choreo_service.cli import main

if __name__ == "__main__":
    main()
