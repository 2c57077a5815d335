"""Takes memory until it has what was asked for, or is killed at its cgroup's limit."""

import mmap

MIB = 1 << 20


def main(args: dict) -> dict:
    """Take ``mib`` (256) MiB in steps of ``step_mib`` (8), hold them all, then give them back.

    There is always an end to it: in a container without a limit nothing but ``mib`` would stop it.
    """
    wanted = int(args.get("mib", 256))
    step = max(1, int(args.get("step_mib", 8)))
    held = []
    taken = 0
    while taken < wanted:
        size = min(step, wanted - taken) * MIB
        block = mmap.mmap(-1, size)
        # Memory counts when a page is first written, not when it is mapped. The bytes differ, so
        # that neither merging of equal pages (KSM) nor compression makes them cheap.
        for offset in range(0, size, mmap.PAGESIZE):
            block[offset : offset + 8] = (taken * MIB + offset).to_bytes(8, "little")
        held.append(block)
        taken += size // MIB
    for block in held:
        block.close()
    return {"taken_mib": taken}
