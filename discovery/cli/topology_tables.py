"""How ``discover topology`` shows a verdict at the terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from candidates.records import Gate, Verdict

NODES_SHOWN = 12


def print_verdict(verdict: "Verdict") -> None:
    """Print the class with its reasons, the numbers, the nodes and the gates."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    standing = " (provisional)" if verdict.provisional else " (confirmed)"
    decided = verdict.topology != "inconclusive"
    console.print(f"[bold]{verdict.topology}[/bold]{standing if decided else ''}", highlight=False)
    for reason in verdict.reasons:
        console.print(f"  {escape(reason)}", highlight=False)
    for note in verdict.notes:
        console.print(f"  [dim]{escape(note)}[/dim]", highlight=False)

    numbers = Table(show_header=False)
    numbers.add_column(no_wrap=True)
    numbers.add_column(overflow="fold")
    for method, nu in verdict.z2.items():
        numbers.add_row(f"Z2 by {escape(method)}", "{};({}{}{})".format(*nu))
    if verdict.z4 is not None:
        numbers.add_row("Z4 by parities", str(verdict.z4))
    if any(value is not None for value in verdict.nu0):
        strong = ", ".join("undecided" if value is None else str(value) for value in verdict.nu0)
        numbers.add_row("ν0 along three axes", strong)
    for name, gap in (("direct gap", verdict.direct_gap), ("indirect gap", verdict.indirect_gap)):
        if gap is not None:
            numbers.add_row(name, f"{gap:.4g} meV")
    for plane, number in verdict.mirror_chern.items():
        numbers.add_row(f"mirror Chern, {escape(plane)}", "undecided" if number is None else str(number))
    if verdict.nodal_lines:
        numbers.add_row("nodal lines", str(verdict.nodal_lines))
    numbers.add_row("functional", escape(verdict.functional or "unknown"))
    console.print(numbers)

    if verdict.nodes:
        nodes = Table(title="nodes", title_justify="left")
        for title in ("k1", "k2", "k3", "energy (eV)", "bands", "chirality"):
            nodes.add_column(title, justify="right")
        for node in verdict.nodes[:NODES_SHOWN]:
            charge = "?" if node.chirality is None else f"{node.chirality:+d}" if node.chirality else "0"
            nodes.add_row(*(f"{x:.5f}" for x in node.k), f"{node.energy:.4f}", str(node.multiplicity), charge)
        console.print(nodes)
        if len(verdict.nodes) > NODES_SHOWN:
            console.print(f"… and {len(verdict.nodes) - NODES_SHOWN} more (verdict.json has them all)")

    gates = Table(title="gates", title_justify="left")
    gates.add_column("gate", no_wrap=True)
    gates.add_column("value", justify="right", no_wrap=True)
    gates.add_column("limit", justify="right", no_wrap=True)
    gates.add_column("", no_wrap=True)
    gates.add_column("what", overflow="fold")
    for gate in verdict.gates:
        mark = "[green]pass[/green]" if gate.passed else "[red]fail[/red]"
        gates.add_row(escape(gate.name), *_numbers(gate), mark, escape(gate.what))
    console.print(gates)


def _numbers(gate: "Gate") -> tuple[str, str]:
    unit = f" {gate.unit}" if gate.unit else ""
    value, limit = (f"{x:.4g}{unit}" if x is not None else "none" for x in (gate.value, gate.limit))
    return value, limit
