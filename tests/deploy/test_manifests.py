"""The manifests: closed by default, with probes and limits, and with the time that a drain takes.

`make lint-deploy` holds them to the schemas of each Kubernetes version; `make k8s-test` runs them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from waystation.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if not path.parent.name.startswith("."))


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of every file, with its kind and name."""
    for path in FILES:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document.get("kind") not in ("Kustomization", "Component"):
                yield f"{document['kind']}/{document['metadata']['name']}", document


OBJECTS = dict(documents())
PODS = {name: found["spec"]["template"] for name, found in OBJECTS.items() if "template" in found.get("spec", {})}
SERVING = {name: pod for name, pod in PODS.items() if not name.startswith("Job/")}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def test_what_there_is() -> None:
    assert PODS.keys() == {
        "Job/waystation-migrate",
        "Deployment/waystation-web",
        "Deployment/waystation-worker",
        "StatefulSet/postgres",
        "Deployment/redis",
    }
    assert {"PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "Ingress", "ScaledObject", "Service"} <= {
        name.split("/")[0] for name in OBJECTS
    }


@pytest.mark.parametrize("name", PODS)
def test_a_pod_keeps_to_the_restricted_profile_with_nothing_to_write_to_and_no_token(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(PODS[name]):
        context = container["securityContext"]
        assert context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == container["resources"].keys()


@pytest.mark.parametrize("name", SERVING)
def test_what_serves_has_probes(name: str) -> None:
    (container,) = SERVING[name]["spec"]["containers"]
    assert {"livenessProbe", "readinessProbe"} <= container.keys()


def test_who_is_asked_to_end_gets_the_time_that_it_takes() -> None:
    grace = {name: pod["spec"].get("terminationGracePeriodSeconds", 30) for name, pod in SERVING.items()}
    settings = Settings.from_env({})
    assert grace["Deployment/waystation-worker"] >= settings.drain + 15
    (web,) = SERVING["Deployment/waystation-web"]["spec"]["containers"]
    env = {e["name"]: float(e["value"]) for e in web["env"]}
    assert env["WAYSTATION_LINGER"] >= 5
    assert grace["Deployment/waystation-web"] >= env["WAYSTATION_LINGER"] + env["WAYSTATION_GRACE"] + 5


@pytest.mark.parametrize("part", ["web", "worker"])
def test_a_rollout_takes_nobody_away_before_the_next_one_is_ready(part: str) -> None:
    spec = OBJECTS[f"Deployment/waystation-{part}"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    chosen = spec["selector"]["matchLabels"]
    assert OBJECTS[f"PodDisruptionBudget/waystation-{part}"]["spec"]["selector"]["matchLabels"] == chosen
    assert {c["topologyKey"] for c in spec["template"]["spec"]["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }


def test_only_settings_that_there_are_stand_in_the_manifests() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    known = {f"WAYSTATION_{name.upper()}" for name in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in re.findall(r"WAYSTATION_[A-Z_]+[A-Z]", text)} <= known


def test_no_secret_is_in_the_repository() -> None:
    assert "Secret/" not in " ".join(OBJECTS)
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert "deploy/kubernetes/overlays/demo/secrets/" in ignored


@pytest.mark.parametrize("overlay", ["base", "overlays/production"])
def test_kustomize_makes_it(overlay: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl on PATH")
    done = subprocess.run([kubectl, "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, timeout=60)
    if "unknown command" in done.stderr or "invalid Kustomization" in done.stderr:
        pytest.skip("this kubectl's kustomize is older than version 4")
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert {"Deployment", "Job", "Service", "ConfigMap", "NetworkPolicy"} <= {found["kind"] for found in made}
    if overlay == "overlays/production":
        assert_tokens_are_asked_for(made)


def assert_tokens_are_asked_for(made: list[dict[str, Any]]) -> None:
    """Nothing says that everybody is trusted, and the first admin's token reaches the web server and nobody else."""
    assert not [m for m in made if "WAYSTATION_INSECURE" in m.get("data", {})]
    pods = {m["metadata"]["name"]: m["spec"]["template"] for m in made if m["kind"] in ("Deployment", "Job")}
    text = {name: yaml.safe_dump(pod) for name, pod in pods.items()}
    assert "WAYSTATION_ADMIN_TOKEN_FILE" in text["waystation-web"]
    assert [name for name, said in text.items() if "waystation-admin" in said] == ["waystation-web"]
