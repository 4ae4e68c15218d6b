"""Data sets that the sources in scenario files name, with how to cite them and what their terms say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from balance_sim.scenario.schema import Scenario

FREE = "Free for research with citation; no formal licence stated."


@dataclass(frozen=True)
class DataSet:
    """pattern: how sources name it."""

    name: str
    pattern: str
    citation: str
    terms: str = FREE

    def is_named_in(self, text: str) -> bool:
        """Whether a text names it."""
        return re.search(self.pattern, text) is not None


DATA_SETS = (
    DataSet("World Development Indicators", r"World Bank|WDI",
            "World Bank. World Development Indicators.", "CC BY 4.0 unless the series says otherwise."),
    DataSet("SIPRI Military Expenditure Database", r"SIPRI",
            "Stockholm International Peace Research Institute. SIPRI Military Expenditure Database.",
            "Copyright SIPRI. Its terms have to be checked before the figures are passed on."),
    DataSet("V-Dem", r"V-Dem", "Coppedge, M. et al. V-Dem Country-Year Dataset. Varieties of Democracy Project.",
            "See v-dem.net for the terms of the version used."),
    DataSet("UN General Assembly ideal points", r"Bailey.Strezhnev.Voeten|UNGA|ideal point",
            "Bailey, M., Strezhnev, A., Voeten, E. 2017. Estimating Dynamic State Preferences from United Nations "
            "Voting Data. Journal of Conflict Resolution 61(2)."),
    DataSet("CShapes 2.0", r"CShapes|Schvitz",
            "Schvitz, G. et al. 2022. Mapping the International System, 1886-2019. Journal of Conflict Resolution "
            "66(1)."),
    DataSet("GML MID", r"GML", "Gibler, D., Miller, S., Little, E. 2016. An Analysis of the Militarized Interstate "
            "Dispute (MID) Dataset, 1816-2001. International Studies Quarterly 60(4)."),
    DataSet("COW MID 5", r"COW MID", "Palmer, G. et al. 2022. The MID5 Dataset, 2011-2014. Conflict Management and "
            "Peace Science 39(4)."),
    DataSet("Strategic rivalries", r"Thompson", "Thompson, W., Sakuwa, K., Suhas, P. 2021. Analyzing Strategic "
            "Rivalries in World Politics. Springer."),
    DataSet("Issue Correlates of War", r"ICOW", "Hensel, P. et al. Issue Correlates of War, territorial claims."),
    DataSet("ATOP", r"ATOP|Leeds", "Leeds, B. et al. 2002. Alliance Treaty Obligations and Provisions, 1815-1944. "
            "International Interactions 28(3)."),
    DataSet("COW Formal Alliances", r"COW (formal )?alliance|Gibler 2009",
            "Gibler, D. 2009. International Military Alliances, 1648-2008. CQ Press."),
    DataSet("National Material Capabilities", r"\bNMC\b|CINC|Singer",
            "Singer, J. D., Bremer, S., Stuckey, J. 1972. Capability Distribution, Uncertainty, and Major Power War, "
            "1820-1965. In Russett (ed.), Peace, War, and Numbers. Sage."),
    DataSet("DCAD", r"DCAD|Kinne", "Kinne, B. 2020. The Defense Cooperation Agreement Dataset (DCAD). Journal of "
            "Conflict Resolution 64(4)."),
)  # fmt: skip
SECTIONS = ("states", "accords", "events", "disputes", "no_relations", "distances", "trade", "provocations")


def named_sources(scenario: Scenario) -> list[tuple[str, str, int]]:
    """(section, source as the scenario names it, rows), in order; rows without a source are counted too."""
    counts: dict[tuple[str, str], int] = {}
    for section in SECTIONS:
        for row in getattr(scenario, section):
            counts[section, row.source] = counts.get((section, row.source), 0) + 1
    return [(section, source, rows) for (section, source), rows in sorted(counts.items())]


def data_sets_of(texts: Iterable[str]) -> list[DataSet]:
    """Those that any of these texts names."""
    joined = "\n".join(texts)
    return [one for one in DATA_SETS if one.is_named_in(joined)]
