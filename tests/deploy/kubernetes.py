"""`make k8s-test`: the demo overlay on a real cluster, under drains, kills, rollouts and scaling.

It needs Docker and kubectl on PATH, and a cluster that kubectl reaches. Images get into the cluster by the command LOAD:

    make k8s-test LOAD="kind load docker-image"      (or: minikube image load; a script of your own)

It works in a namespace of its own, waystation-test, and removes it at the end. The Service is reached by its address where that
is possible (on a node), else through `kubectl port-forward`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.deploy import counter
from tests.deploy.drive import DRAINED, KILLED, ROOT, Imports, Service, need, people, run, say, timed, walk_through
from tests.support import wait_until

NAMESPACE = "waystation-test"
OVERLAY = ROOT / "deploy" / "kubernetes" / "overlays" / "demo"
FIRST, SECOND = "k8s-test-1", "k8s-test-2"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Cluster:
    """What kubectl reaches, in the namespace of this run."""

    def __init__(self) -> None:
        self.kubectl = need("kubectl", "make k8s-test needs kubectl and a cluster that it reaches.")
        version = json.loads(run([self.kubectl, "version", "--output", "json"], timeout=60))
        self.minor = int(re.sub(r"\D", "", version["serverVersion"]["minor"]))

    def __call__(self, *words: str, timeout: float = 300, quiet: bool = False) -> str:
        return run([self.kubectl, "--namespace", NAMESPACE, *words], timeout=timeout, quiet=quiet)

    def apply(self, manifests: str) -> None:
        done = subprocess.run(
            [self.kubectl, "apply", "--filename", "-"], input=manifests, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr

    def demo(self, tag: str) -> str:
        """The demo overlay, in this namespace and with this image."""
        made = run([self.kubectl, "kustomize", str(OVERLAY)])
        made = made.replace("waystation-demo", NAMESPACE).replace("image: waystation:latest", f"image: waystation:{tag}")
        if self.minor < 25:  # older than what is promised, but good enough to try on
            made = re.sub(r"^apiVersion: policy/v1$", "apiVersion: policy/v1beta1", made, flags=re.MULTILINE)
        return made

    def rolled(self, *deployments: str, timeout: int = 600) -> None:
        for name in deployments:
            self("rollout", "status", f"deployment/{name}", f"--timeout={timeout}s", timeout=timeout + 30)

    def set_image(self, deployment: str, tag: str) -> None:
        self("set", "image", f"deployment/{deployment}", f"*=waystation:{tag}")

    def pods(self, component: str) -> list[str]:
        """The running pods of a component that were not asked to end."""
        found = json.loads(self("get", "pods", "--selector", f"app.kubernetes.io/component={component}", "--output", "json"))
        return [
            p["metadata"]["name"]
            for p in found["items"]
            if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]
        ]

    def the_pod(self, component: str) -> str:
        """The one pod of a component."""
        return wait_until(lambda: self.pods(component), 120, every=0.5)[0]


class Forward:
    """`kubectl port-forward` to the Service, begun again whenever its pod has gone."""

    def __init__(self, cluster: Cluster) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["--namespace", NAMESPACE, "port-forward", "service/waystation", f"{self.port}:80"]
        self._command = [cluster.kubectl, *words]
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            with subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as self._process:
                self._process.wait()

    def close(self) -> None:
        self._over.set()
        if self._process is not None:
            self._process.terminate()


@contextlib.contextmanager
def reached(cluster: Cluster) -> Iterator[str]:
    """The address of the Service, as it can be reached from here."""
    address = cluster("get", "service", "waystation", "--output", "jsonpath={.spec.clusterIP}").strip()
    try:
        socket.create_connection((address, 80), timeout=5).close()
        yield f"http://{address}:80"
    except OSError:
        say("the Service's own address is not reached from here: by kubectl port-forward")
        forward = Forward(cluster)
        try:
            yield f"http://127.0.0.1:{forward.port}"
        finally:
            forward.close()


def drained_and_killed(cluster: Cluster, imports: Imports) -> None:
    """The worker's pod is deleted, and then the next one killed."""
    imports.reached(0.05)
    first = cluster.the_pod("worker")
    cluster("delete", "pod", first, "--wait=false")
    imports.told(DRAINED)
    say(f"worker pod {first} deleted: it gave its tasks back")
    second = wait_until(lambda: [p for p in cluster.pods("worker") if p != first], 120, every=0.5)[0]
    imports.reached(0.2)
    # Every process but the first, which ends by itself then; the kubelet starts the container again.
    cluster("exec", second, "--container", "worker", "--", "sh", "-c", "kill -9 -1", quiet=True)
    imports.told(KILLED)
    say(f"worker pod {second}: its processes killed by -9")
    imports.exact()


def rolled_and_scaled(cluster: Cluster, imports: Imports) -> None:
    """The workers are rolled to a new tag, and scaled from 1 to 3 to 1."""
    imports.reached(0.05)
    cluster.set_image("waystation-worker", SECOND)
    imports.told(DRAINED)
    say("the workers roll to a new tag: the old one gave its tasks back")
    cluster("scale", "deployment/waystation-worker", "--replicas=3")
    wait_until(lambda: len(cluster.pods("worker")) >= 3, 120, every=0.5)
    cluster("scale", "deployment/waystation-worker", "--replicas=1")
    wait_until(lambda: len(cluster.pods("worker")) == 1, 120, every=0.5)
    say("scaled from 1 to 3 to 1")
    imports.exact()
    assert not imports.tells(KILLED), "nobody was killed: each was to give its tasks back"


def counting_pod() -> dict[str, Any]:
    """A client in the cluster that counts failures; it stops when it finds /tmp/stop."""
    source = Path(str(counter.__file__)).read_text(encoding="utf-8")
    container = {
        "name": "counter",
        "image": f"waystation:{FIRST}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", source, "waystation", "80", "/tmp/stop"],
        "securityContext": RESTRICTED,
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
    }
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "counter", "namespace": NAMESPACE}, "spec": spec}


def rolled_unnoticed(cluster: Cluster) -> None:
    """The web pods rolled to a new tag while a client counts; not one request may fail."""
    cluster("scale", "deployment/waystation-web", "--replicas=2")
    cluster.rolled("waystation-web")
    cluster.apply(json.dumps(counting_pod()))
    cluster("wait", "--for=condition=Ready", "pod/counter", "--timeout=120s")
    before = set(cluster.pods("web"))
    with timed("the web pods rolled to a new tag"):
        cluster.set_image("waystation-web", SECOND)
        cluster.rolled("waystation-web")
        wait_until(lambda: not before & set(cluster.pods("web")), 120, every=0.5)
        # The old ones serve on for a moment, and then end: the client goes on until the last of them has.
        gone = "--selector=app.kubernetes.io/component=web"
        wait_until(lambda: len(cluster("get", "pods", gone, "--output", "name").split()) == 2, 180, every=0.5)
    cluster("exec", "counter", "--", "touch", "/tmp/stop")
    told = wait_until(lambda: cluster("logs", "counter"), 60, every=0.5)
    figures = json.loads(told.splitlines()[-1])
    say(f"a client counted {figures['counts']} and {len(figures['failures'])} failures")
    assert figures["failures"] == [], figures["failures"][:10]
    assert figures["counts"]["fresh"] > 50
    assert figures["counts"]["connections"] > 1, "the kept connection was to be given a new pod"


def images(load: str) -> None:
    """Two tags of today's code, in the cluster."""
    docker = need("docker", "make k8s-test builds the image with it.")
    for tag in (FIRST, SECOND):
        run([docker, "build", "--quiet", "--build-arg", f"VERSION={tag}", "--tag", f"waystation:{tag}", "."], timeout=1800)
    if load:
        run([*shlex.split(load), f"waystation:{FIRST}", f"waystation:{SECOND}"], timeout=900)


def main() -> None:
    """The whole run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each import (1,000,000)")
    parser.add_argument("--load", default="", help="command that brings images into the cluster; their names are appended")
    given = parser.parse_args()
    cluster = Cluster()
    say(f"a cluster of version 1.{cluster.minor}")
    with timed("the image, twice, and into the cluster"):
        images(given.load)
    if not (OVERLAY / "secrets").exists():
        run([str(ROOT / "deploy" / "secrets.sh"), str(OVERLAY / "secrets")])
    folder = Path(tempfile.mkdtemp(prefix="ws-k8s-"))
    cluster("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=600)
    try:
        with timed("the demo overlay from nothing to ready"):
            cluster.apply(cluster.demo(FIRST))
            cluster("wait", "--for=condition=Complete", "job/waystation-migrate", "--timeout=600s", timeout=630)
            cluster.rolled("waystation-web", "waystation-worker")
        with reached(cluster) as url:
            service = Service(url, folder)
            service.ready()
            walk_through(service, 5 * given.rows)
            source = people(folder / "people.csv", given.rows)
            drained_and_killed(cluster, Imports(service, source, given.rows, "attacked", 4))
            rolled_and_scaled(cluster, Imports(service, source, given.rows, "rolled", 12))  # a new pod must be ready first
            rolled_unnoticed(cluster)
        say("k8s-test: everything held")
    except BaseException:
        print(cluster("get", "pods", "--output", "wide", quiet=True))
        print(cluster("get", "events", "--sort-by=.lastTimestamp", quiet=True)[-6000:])
        for component in ("web", "worker"):
            print(cluster("logs", "--selector", f"app.kubernetes.io/component={component}", "--tail=40", quiet=True))
        raise
    finally:
        cluster("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=600, quiet=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
