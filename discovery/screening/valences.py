"""Whether a formula can be that of a semiconductor: do its oxidation states sum to zero?"""

from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymatgen.core import Element


@cache
def valences_balance(formula: str) -> bool:
    """Whether oxidation states can sum to zero: CdO and Cu2SnTe3, not LiIr3 or Al4Mo.

    Each atom may take any state that its element has in the ICSD (pymatgen's list), and bismuth also the
    -3 of bismuthides. The anions of Ge, Sn and Pb are not added: with them nearly every intermetallic
    balances. Of elements those from group 14 on pass.

    The answer is that of pymatgen's ``oxi_state_guesses``, which tries all combinations and takes minutes
    for large formulas; here the sums that can be reached are the bits of one integer.
    """
    from pymatgen.core import Composition

    amounts = Composition(formula).reduced_composition.get_el_amt_dict()
    if len(amounts) == 1:  # a metal unless it stands where Bi, Sn, Te and Se do
        return (_element(formula).group or 0) >= 14
    reachable, offset = 1, 0
    for symbol, amount in amounts.items():
        states = {*_element(symbol).icsd_oxidation_states, *((-3,) if symbol == "Bi" else ())}
        if not states:
            return False
        lowest = min(states)
        for _ in range(round(amount)):
            reachable = reduce(or_, (reachable << (state - lowest) for state in states))
        offset += round(amount) * lowest
    return offset <= 0 and bool(reachable >> -offset & 1)


@cache
def _element(symbol: str) -> "Element":
    from pymatgen.core import Element

    return Element("".join(c for c in symbol if c.isalpha()))
