"""The configurations under docs/integrations: they parse, and every default target that would fail is switched off."""
import pathlib
import sys

import yaml

DOCS = pathlib.Path(sys.argv[1]) / "docs"


def load(name):
    with open(DOCS / "integrations" / name, encoding="utf-8") as file:
        return yaml.safe_load(file)


def targets(scrape_config):
    return [t for group in scrape_config["static_configs"] for t in group["targets"]]


parca = load("parca.yaml")["scrape_configs"][0]
pprof = parca["profiling_config"]["pprof_config"]
assert pprof["memory"] == {"enabled": True, "path": "/debug/pprof/heap"}
# Parca's other defaults, in pkg/config/config.go: each answers 404 here.
for absent in ("block", "goroutine", "mutex", "process_cpu"):
    assert pprof[absent]["enabled"] is False, absent
assert targets(parca) == ["127.0.0.1:6060"]

collector = load("otel-collector.yaml")
pipeline = collector["service"]["pipelines"]["metrics"]
for kind in ("receivers", "processors", "exporters"):
    for name in pipeline[kind]:
        assert name in collector[kind], f"{kind}: {name}"
assert targets(collector["receivers"]["prometheus"]["config"]["scrape_configs"][0]) == ["127.0.0.1:6060"]

prometheus = load("prometheus.yml")
assert targets(prometheus["scrape_configs"][0]) == ["127.0.0.1:6060"]
assert (DOCS / "prometheus" / prometheus["rule_files"][0]).exists()

# Alloy's language is its own: at least its braces match, and the defaults are off.
alloy = (DOCS / "integrations" / "alloy.config").read_text(encoding="utf-8")
assert alloy.count("{") == alloy.count("}") > 0
for absent in ("block", "goroutine", "mutex", "process_cpu"):
    block = alloy.split("profile." + absent + " {", 1)[1].split("}", 1)[0]
    assert "enabled = false" in " ".join(block.split()), absent
