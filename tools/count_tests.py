#!/usr/bin/python3
"""Prints 'PASSED FAILED SKIPPED' of a JUnit file that ctest wrote; nothing if there is none."""

import sys
import xml.etree.ElementTree as ElementTree


def main():
    try:
        suite = ElementTree.parse(sys.argv[1]).getroot()
    except (OSError, ElementTree.ParseError) as error:
        print(f"count_tests: {error}", file=sys.stderr)
        return 1
    total, failed, skipped, disabled = (
        int(suite.get(key, "0")) for key in ("tests", "failures", "skipped", "disabled")
    )
    skipped += disabled
    print(total - failed - skipped, failed, skipped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
