"""The rule about what an image is read from: its manifest and its configuration."""

from __future__ import annotations

from iluvatar_bench.audit.read.gc_labels import CollectorNode
from iluvatar_bench.audit.read.held import held_nodes
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context
from iluvatar_bench.bugs import BugClass

CONTENT_NOT_HELD = Rule(
    name="image_content_not_held",
    what="images whose manifest or configuration nothing holds, no label gc.ref.content either",
    why="The next collection removes them. Then no container of this image can be created, and it "
    "cannot be unpacked again: content is not found. (Layers may be left to the collector on "
    "purpose, once they are unpacked; these may not.)",
    fix="Set the labels `containerd.io/gc.ref.content.<n>` = digest on the blob that names them, "
    "the index or the manifest (Content.Update), or hold them by a lease.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/images/handlers.go "
    "(SetChildrenMappedLabels)",
    bug_classes=(BugClass.IMAGE,),
)


def broken_by_image_content(context: Context) -> list[BrokenRule]:
    """Images that the next collection takes apart."""
    objects, details = [], []
    for view in context.views:
        held = held_nodes(view.state, now=view.now)
        for image, digests in view.state.image_documents.items():
            lost = [digest for digest in digests if CollectorNode("content", digest) not in held]
            if lost:
                objects.append(view.title(image))
                details.append(f"{view.title(image)}: {lost[0]}")
    return broken_rule(CONTENT_NOT_HELD, Severity.MEDIUM, objects, details=sorted(details)[:3])
