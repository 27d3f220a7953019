#!/usr/bin/env python3
"""Prints a line for each run that ends badly, for ever: across restarts of the daemon, and of itself.

    bad_ends.py [FILE]

FILE keeps the number of the last event that was seen, so that what ends while this program is away is printed later.
"""

import os
import sys

# Beside this file in the source, and where the package lodge-dev has it.
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), '/usr/share/lodge/python']
import lodge  # noqa: E402


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else None
    since = None
    if path and os.path.exists(path):
        with open(path) as file:
            since = int(file.read())
    for event in lodge.events(since=since, types=['state']):
        if 'gap' in event:
            print('events %d to %d are no longer kept' % event.gap, flush=True)
            continue
        ended = event.detail.ended
        if ended and ended.headline.bad:
            print('%s: run %d ended badly: %s' % (event.guest, event.run_number, ended.headline.kind), flush=True)
        if path:
            with open(path + '.new', 'w') as file:
                file.write(str(event.sequence))
            os.replace(path + '.new', path)


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone. What it has not read is printed the next time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except lodge.LodgeError as error:
        sys.exit('bad_ends: %s' % error)
