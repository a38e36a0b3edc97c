"""Kubernetes on one node: control plane, node, DNS, load-balancer addresses, volumes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import urllib.request
from pathlib import Path

import yaml

from tests.rig import binaries, images, packages, pki, site
from tests.rig.command import run, wait_for
from tests.rig.progress import Say
from tests.rig.site import KUBECONFIG, NODE, NODE_NAME, STATE
from tests.rig.supervisor import Program, ensure

_CONTAINERD = STATE / "containerd"
_CONTAINERD_SOCKET = _CONTAINERD / "containerd.sock"
_ETCD = "http://127.0.0.1:23790"
_MANIFESTS = Path(__file__).parent / "manifests"
CLIENT_ENVIRONMENT = {"KUBECONFIG": str(KUBECONFIG), "KUBECACHEDIR": str(STATE / "kube-cache")}
"""For kubectl and helm: which cluster, and where to keep what they learned of it."""

_ELSEWHERE = tuple(
    Path(name)
    for name in (
        "/etc/cni",
        "/run/containers",
        "/run/containerd",
        "/run/netns",
        "/var/lib/cni",
        "/var/lib/containers",
        "/var/lib/kubelet",
        "/var/log/containers",
        "/var/log/pods",
        "/opt/containerd",
    )
)
"""Folders that kubelet, containerd, buildah and the network plugins make wherever they work."""


@functools.cache
def programs() -> Path:
    """Return the folder of the cluster's programs, kubectl among them."""
    return binaries.site(lambda _: None)


def kubectl(
    *arguments: str | Path,
    stdin: str | None = None,
    timeout: float = 60,
    check: bool = True,
) -> str:
    """Run kubectl as the cluster's admin and return what it printed."""
    command = (programs() / "kubectl", *arguments)
    return run(*command, stdin=stdin, timeout=timeout, check=check, env=CLIENT_ENVIRONMENT)


def wait_for_rollout(namespace: str, *workloads: str, timeout: int = 150) -> None:
    """Wait until all pods of workloads are of their newest revision, and ready.

    Args:
        namespace: Where they are.
        workloads: As `deployment/name`, one after another.
        timeout: Seconds for each.

    Raises:
        RigError: One took longer.
    """
    for name in workloads:
        waiting = ("rollout", "status", name, "-n", namespace, f"--timeout={timeout}s")
        kubectl(*waiting, timeout=timeout + 10)


def control_plane(say: Say) -> None:
    """Bring up etcd, the API server, the controllers and the scheduler."""
    pki.up()
    shutil.copyfile(pki.kubeconfig("admin"), KUBECONFIG)
    KUBECONFIG.chmod(0o600)
    ensure(
        Program(
            "etcd",
            (
                *(packages.program("etcd"), "--data-dir", STATE / "etcd"),
                *("--listen-client-urls", _ETCD, "--advertise-client-urls", _ETCD),
                *("--listen-peer-urls", "http://127.0.0.1:23800"),
            ),
        )
    )
    folder = programs()
    keys = pki.PKI
    apiserver = Program(
        "apiserver",
        (
            folder / "kube-apiserver",
            f"--etcd-servers={_ETCD}",
            f"--secure-port={site.API_PORT}",
            f"--bind-address={NODE}",
            f"--advertise-address={NODE}",
            f"--client-ca-file={pki.CA}",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--service-account-key-file={keys}/sa.pub",
            f"--service-account-signing-key-file={keys}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={site.SERVICE_RANGE}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={keys}/admin.crt",
            f"--kubelet-client-key={keys}/admin.key",
        ),
    )
    ensure(apiserver)
    ensure(
        Program(
            "controllers",
            (
                folder / "kube-controller-manager",
                f"--kubeconfig={pki.kubeconfig('controllers')}",
                f"--service-account-private-key-file={keys}/sa.key",
                f"--root-ca-file={pki.CA}",
                "--use-service-account-credentials",
                f"--cluster-cidr={site.POD_RANGE}",
                "--allocate-node-cidrs=false",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
            ),
        )
    )
    ensure(
        Program(
            "scheduler",
            (
                folder / "kube-scheduler",
                f"--kubeconfig={pki.kubeconfig('scheduler')}",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
            ),
        )
    )
    say("waiting for the API server")
    wait_for(
        "the API server is ready",
        lambda: kubectl("get", "--raw", "/readyz", timeout=10) == "ok",
        timeout=90,
        log=apiserver.log,
    )
    say(f"API at {site.API_URL}")


def containers(say: Say) -> None:
    """Bring up containerd, which runs the containers."""
    _write(
        _CONTAINERD / "containerd.toml",
        f"""\
version = 2
root = "{_CONTAINERD}/root"
state = "{_CONTAINERD}/state"
[grpc]
  address = "{_CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{_CONTAINERD}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  # A machine whose root may not lower a process' OOM score would start no pod at all otherwise.
  restrict_oom_score_adj = true
  sandbox_image = "{images.PAUSE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{STATE}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{_CONTAINERD}/registries"
""",
    )
    # All images come from archives. Whatever else is asked for fails at once, here, and not in a
    # registry of the world.
    _write(_CONTAINERD / "registries/_default/hosts.toml", 'server = "http://127.0.0.1:1"\n')
    # ptp and not bridge: over a bridge, answers between two pods of the node bypass the
    # translation of Service addresses.
    _write(
        STATE / "cni/10-rig.conflist",
        json.dumps(
            {
                "cniVersion": "1.0.0",
                "name": "rig",
                "plugins": [
                    {
                        "type": "ptp",
                        "ipMasq": False,
                        "ipam": {
                            "type": "host-local",
                            "dataDir": f"{STATE}/cni-leases",
                            "ranges": [[{"subnet": site.POD_RANGE}]],
                            "routes": [{"dst": "0.0.0.0/0"}],
                        },
                    },
                    {"type": "portmap", "capabilities": {"portMappings": True}},
                ],
            }
        ),
    )
    containerd = Program(
        "containerd", (packages.program("containerd"), "-c", _CONTAINERD / "containerd.toml")
    )
    ensure(containerd)
    ctr = ("ctr", "-a", _CONTAINERD_SOCKET, "version")
    wait_for("containerd answers", lambda: run(*ctr), timeout=30, log=containerd.log)
    say("containerd answers")


def node(say: Say) -> None:
    """Bring up the kubelet and kube-proxy, and wait for the node to be ready."""
    keys = pki.PKI
    folder = programs()
    (STATE / "resolv.conf").touch()
    kubelet_config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.CA)},
        },
        "authorization": {"mode": "Webhook"},
        # Small machines with the first version of control groups are welcome.
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "address": NODE,
        "clusterDNS": [NODE],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{_CONTAINERD_SOCKET}",
        "tlsCertFile": f"{keys}/kubelet.crt",
        "tlsPrivateKeyFile": f"{keys}/kubelet.key",
        "podLogsDir": f"{STATE}/pod-logs",
        # The images come from archives: none may be collected, there is no registry to pull from.
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "87600h",
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"},
        "resolvConf": f"{STATE}/resolv.conf",
        "shutdownGracePeriod": "0s",
        # The rig's pods come and go quickly; 10 a second would be the default.
        "syncFrequency": "10s",
    }
    _write(STATE / "kubelet.yaml", yaml.safe_dump(kubelet_config))
    proxy_config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(pki.kubeconfig("proxy"))},
        "mode": "iptables",
        "clusterCIDR": site.POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "bindAddress": NODE,
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0},
    }
    _write(STATE / "proxy.yaml", yaml.safe_dump(proxy_config))
    kubelet = Program(
        "kubelet",
        (
            folder / "kubelet",
            f"--config={STATE}/kubelet.yaml",
            f"--kubeconfig={pki.kubeconfig('kubelet')}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE}",
            f"--root-dir={STATE}/kubelet",
        ),
    )
    ensure(kubelet)
    ensure(Program("proxy", (folder / "kube-proxy", f"--config={STATE}/proxy.yaml")))
    say("waiting for the node to be ready")
    ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    wait_for(
        "the node is ready",
        lambda: kubectl("get", "node", NODE_NAME, "-o", ready) == "True",
        timeout=90,
        log=kubelet.log,
    )
    say(f"{NODE_NAME} is ready")


def dns(say: Say) -> None:
    """Bring up CoreDNS, which knows the cluster's names and no others."""
    _write(
        STATE / "Corefile",
        f""".:{site.DNS_PORT} {{
    bind {NODE}
    ready {NODE}:8181
    errors
    kubernetes cluster.local {{
        kubeconfig {pki.kubeconfig("coredns")}
    }}
}}
""",
    )
    coredns = Program("coredns", (programs() / "coredns", "-conf", STATE / "Corefile"))
    ensure(coredns)
    url = f"http://{NODE}:8181/ready"
    wait_for("CoreDNS is ready", lambda: _get(url) == "OK", timeout=30, log=coredns.log)
    say(f"CoreDNS at {NODE}:{site.DNS_PORT}")


def load_balancer(say: Say) -> None:
    """Bring up MetalLB's controller with the pools that USDF has.

    No speaker is needed: kube-proxy makes a load balancer's address answer on the node itself.
    """
    definitions = programs() / "metallb-crds"
    kubectl("apply", "--server-side", "--force-conflicts", "-f", definitions)
    for definition in sorted(definitions.glob("*.yaml")):
        kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", definition)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metallb-system"}}
    pools = [
        {
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": {"name": name, "namespace": "metallb-system"},
            "spec": {"addresses": [addresses]},
        }
        for name, addresses in site.ADDRESS_POOLS.items()
    ]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([namespace, *pools]))
    metallb = Program(
        "metallb",
        (
            *(programs() / "controller", "-kubeconfig", KUBECONFIG),
            *("-namespace", "metallb-system", "-webhook-mode", "disabled"),
            *("-disable-cert-rotation", "-port", "7472"),
        ),
    )
    ensure(metallb)
    url = "http://127.0.0.1:7472/metrics"
    wait_for("MetalLB's controller answers", lambda: _get(url), timeout=60, log=metallb.log)
    say(f"pools {', '.join(site.ADDRESS_POOLS)}")


def volumes(say: Say) -> None:
    """Bring up storage classes named as at USDF, and a default one, of folders on this machine."""
    kubectl("apply", "-f", _MANIFESTS / "storage-classes.yaml")
    root = STATE / "volumes"
    root.mkdir(exist_ok=True)
    where = ("-kubeconfig", KUBECONFIG, "-root", root, "-node", NODE_NAME)
    ensure(Program("volumes", (programs() / "volumes", *where)))
    say("storage classes as at USDF, and a default")


def stop_containers() -> None:
    """End every container of the site and what its tools left on the machine.

    Called when the programs are gone already: a container's processes outlive containerd.
    """
    for group in _pod_groups():
        for tasks in group.rglob("cgroup.procs"):
            for pid in tasks.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
    wait_for("the pods' processes end", lambda: not _pod_processes(), timeout=30)
    for mount in reversed(_mounts_below(STATE, Path("/run/netns"), Path("/run/containerd"))):
        run("umount", "--lazy", mount, check=False)
    for group in _pod_groups():
        for folder in sorted(group.rglob("*/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
    record = STATE / "elsewhere.json"
    if record.exists():
        for folder in json.loads(record.read_text()):
            shutil.rmtree(folder, ignore_errors=True)


def remember_elsewhere() -> None:
    """Note which folders are not there before anything of the site could have made them."""
    record = STATE / "elsewhere.json"
    if not record.exists():
        record.write_text(json.dumps([str(path) for path in _ELSEWHERE if not path.exists()]))


def _pod_groups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").glob("**/kubepods") if path.is_dir()]


def _pod_processes() -> list[str]:
    return [
        pid
        for group in _pod_groups()
        for tasks in group.rglob("cgroup.procs")
        for pid in tasks.read_text().split()
    ]


def _mounts_below(*folders: Path) -> list[str]:
    targets = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [
        target
        for target in targets
        if any(Path(target).is_relative_to(folder) for folder in folders)
    ]


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def _write(path: Path, content: str) -> None:
    # Only when it differs: kube-proxy ends when its file is written.
    if not path.exists() or path.read_text() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
