"""Runs on a server: tries to open every address of standard input (`HOST PORT EXPECTED` lines) at once, prints what came
of each. What should be open gets more time: the server may be busy.

open: accepted. refused: the machine answered that nothing listens. silent: no answer, as behind a packet filter.
"""
import asyncio
import errno
import sys

SECONDS = {"open": 10.0, "silent": 2.0}


async def probe(host: str, port: str, expected: str) -> str:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), SECONDS[expected])
        writer.close()
        return "open"
    except ConnectionRefusedError:
        return "refused"
    except (TimeoutError, asyncio.TimeoutError):
        return "silent"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


async def main() -> None:
    targets = [line.split() for line in sys.stdin if line.strip()]
    for (host, port, _), result in zip(targets, await asyncio.gather(*(probe(*target) for target in targets))):
        print(host, port, result)


asyncio.run(main())
