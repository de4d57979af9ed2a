"""`make lint-deploy`: the image's and the cluster's files under hadolint, kubernetes-validate and checkov.

Needs kubectl on PATH, which has kustomize in it; no cluster. What is done otherwise than checkov asks is argued in
deploy/checkov.yaml.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.deploy.drive import ROOT, need, run

TOOLS = ROOT / ".venv-deploy" / "bin"
OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
DOCKERFILES = ["Dockerfile", "deploy/image/sbom.Dockerfile"]
OLDEST = "1.25"
FOREIGN = ("keda.sh/", "monitoring.coreos.com/")  # no Kubernetes version has the schema of these


def rendered(overlay: Path) -> str:
    """An overlay as it would be applied."""
    return run([need("kubectl", "make lint-deploy renders the overlays with it."), "kustomize", str(overlay)])


def with_component(component: str) -> str:
    """The production overlay with one of the optional components."""
    with tempfile.TemporaryDirectory(dir=OVERLAYS, prefix=".lint-") as folder:
        Path(folder, "kustomization.yaml").write_text(
            f"resources: [../production]\ncomponents: [../../components/{component}]\n", encoding="utf-8"
        )
        return rendered(Path(folder))


def main() -> int:
    """Say what each tool finds; 1 if one of them finds anything."""
    secrets = OVERLAYS / "demo" / "secrets"
    if not secrets.exists():
        run([str(ROOT / "deploy" / "secrets.sh"), str(secrets)])
    newest = run([str(TOOLS / "python"), "-c", "import kubernetes_validate as k; print(k.latest_version())"]).strip()
    made = {overlay.name: rendered(overlay) for overlay in (OVERLAYS / "demo", OVERLAYS / "production")}
    made |= {component: with_component(component) for component in ("keda", "outward", "prometheus")}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        rules = ["checkov", "--config-file", "deploy/checkov.yaml", "--framework"]
        commands = [
            ["hadolint", *DOCKERFILES],
            [*rules, "dockerfile", *(word for name in DOCKERFILES for word in ("--file", name))],
        ]
        for name, text in made.items():
            path = Path(folder, f"{name}.yaml")
            own = [part for part in text.split("\n---\n") if not any(name in part.split("kind:")[0] for name in FOREIGN)]
            path.write_text("\n---\n".join(own), encoding="utf-8")
            schema = ["kubernetes-validate", "--strict", "--quiet", "--kubernetes-version"]
            commands += [
                [*schema, OLDEST, str(path)],
                [*schema, newest, str(path)],
                [*rules, "kubernetes", "--file", str(path)],
            ]
        for program, *words in commands:
            done = subprocess.run([TOOLS / program, *words], cwd=ROOT, capture_output=True, text=True)
            said = " ".join([program, *(word for word in words if not word.startswith("--"))]).replace(f"{folder}/", "")
            print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {said}")
            if done.returncode != 0:
                print(done.stdout + done.stderr)
                failed.append(said)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
