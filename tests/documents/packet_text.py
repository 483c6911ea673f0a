"""What the starter packets mean, as one text each: read it when it changes.

python -m tests.documents.packet_text      writes the texts again
"""

from __future__ import annotations

from pathlib import Path

from connectors.registry import connector_kinds
from orchestrator.documents.packets import level_tables, meaning
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import starter_names, starter_packet

KEPT = Path(__file__).parent / "starters"


def text_of(packet: Packet) -> str:
    said = meaning(packet, connector_kinds())
    lines = [packet.workflow.title, "", *said["outcomes"], "", "STEPS", ""]
    for step in said["steps"]:
        lines += [f"{step['title']}:", f"  {step['sentence']}"]
    lines += ["", said["left_out"], "", "GATES", ""]
    for gate in said["gates"]:
        lines += [f"{gate['title']}:", f"  {gate['sentence']}", f"  About: {'; '.join(gate['steps'])}."]
    lines += ["", said["never_decide"], "", "RULES", ""]
    lines += [*said["thresholds"], "", *said["urgent"], *said["embargo"], "", "SYSTEMS", ""]
    for system in said["systems"]:
        lines += [f"{system['title']}:", *(f"  {sentence}" for sentence in system["sentences"])]
    lines += ["", "LEVELS", ""]
    for table in level_tables(packet):
        for row in table["rows"]:
            levels = ", ".join(f"{system} {level or 'nothing'}" for system, level in row["levels"].items())
            lines.append(f"{table['kind']} {row['who']}: {levels}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    for name in starter_names():
        (KEPT / f"{name}.txt").write_text(text_of(starter_packet(name)), encoding="utf-8")
