"""The measurements: all samples, and their medians."""
import statistics


class Results:
    def __init__(self):
        self.samples = []  # dicts: work, server, cell, round, and the measured figures
        self.notes = []  # measurements that failed, without duplicates

    def add(self, work, server, cell, number, sample):
        self.samples.append({"work": work, "server": server, "cell": cell, "round": number,
                             **sample})

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def values(self, work, server, cell, field):
        return [s[field] for s in self.samples
                if (s["work"], s["server"], s["cell"]) == (work, server, cell)
                and s.get(field) is not None]

    def median(self, work, server, cell, field):
        """The median of FIELD; None if there are no samples."""
        found = self.values(work, server, cell, field)
        return statistics.median(found) if found else None

    def ratio(self, work, server, other, cell, field):
        """The median over rounds of the ratio of SERVER's value to OTHER's in the same round, so that a
        temporary slowdown of the machine affects both."""
        pairs = {}
        for sample in self.samples:
            if (sample["work"], sample["cell"]) == (work, cell) and sample.get(field) is not None:
                pairs.setdefault(sample["round"], {})[sample["server"]] = sample[field]
        found = [row[server] / row[other] for row in pairs.values()
                 if row.get(server, -1) >= 0 and row.get(other, 0) > 0]
        return statistics.median(found) if found else None

    def servers(self, work):
        return list(dict.fromkeys(s["server"] for s in self.samples if s["work"] == work))

    def cells(self, work):
        return list(dict.fromkeys(s["cell"] for s in self.samples if s["work"] == work))

    def errors(self, work, server):
        return sum(s.get("errors") or 0 for s in self.samples
                   if (s["work"], s["server"]) == (work, server))

    def medians(self):
        """A row for each combination of work, server and cell, with the median of each figure."""
        rows = {}
        for sample in self.samples:
            rows.setdefault((sample["work"], sample["server"], sample["cell"]), []).append(sample)
        for (work, server, cell), samples in rows.items():
            fields = dict.fromkeys(name for s in samples for name, value in s.items()
                                   if isinstance(value, (int, float)) and name != "round")
            yield {"work": work, "server": server, "cell": cell, "samples": len(samples),
                   **{name: self.median(work, server, cell, name) for name in fields}}
