"""Files of deploy/: they parse, refer to what exists, and keep to the rules; the Lambda handler answers."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

yaml = pytest.importorskip("yaml", reason="manifests are checked with PyYAML")

from mien.serve.metrics import Metrics

from ..conftest import ROOT
from .conftest import ASTRONAUT, files

DEPLOY = ROOT / "deploy"
MANIFESTS = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def manifest(kind: str) -> dict:
    (found,) = [one for one in MANIFESTS if one["kind"] == kind]
    return found


def known_metrics() -> set[str]:
    metrics = Metrics()
    metrics.stages.labels("decode").observe(1)
    names = {f"{one.name}{ending}" for one in metrics.registry.collect() for ending in ("", "_total")}
    names |= {sample.name for one in metrics.registry.collect() for sample in one.samples}
    histograms = [one.name for one in metrics.registry.collect() if one.type == "histogram"]
    return names | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}


def test_dashboard_and_alerts_use_metrics_that_exist():
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    rules = [
        rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [rule["expr"] for rule in rules]
    used = {name for query in queries for name in re.findall(r"\b(?:mien|process)_[a-z_]+", query)}
    assert used <= known_metrics()
    assert all(query.count("(") == query.count(")") for query in queries)
    wanted = {"mien_requests_total", "mien_stage_seconds_sum", "mien_queue_images", "mien_batch_faces_sum"}
    wanted |= {"mien_abstentions_total", "mien_predictions_total", "mien_confidence_bucket"}
    assert wanted <= used


def test_pods_are_restricted_and_probed():
    pod = manifest("StatefulSet")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    for container in pod["containers"] + pod["initContainers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert container["resources"]["limits"]["memory"]
    (server,) = pod["containers"]
    assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
    mounted = {
        mount["name"] for container in pod["containers"] + pod["initContainers"] for mount in container["volumeMounts"]
    }
    claims = manifest("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert mounted == {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in claims}
    (metric,) = manifest("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] in known_metrics()
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert all((DEPLOY / "kubernetes" / name).is_file() for name in listed)


def test_settings_in_images_and_manifests_exist(monkeypatch):
    from mien.serve.settings import load_settings

    text = "\n".join(path.read_text() for path in (DEPLOY / "Dockerfile", DEPLOY / "kubernetes" / "server.yaml"))
    for name, value in re.findall(r"(MIEN_SERVE_[A-Z_]+)(?:=|, value: )\"?([^\s\"}]+)", text):
        monkeypatch.setenv(name, value)
    assert str(load_settings().data_dir) == "/data"
    assert not load_settings().metrics_key


def test_the_build_context_has_what_the_images_copy():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in ("Dockerfile", "Dockerfile.lambda"):
        lines = [line.split() for line in (DEPLOY / name).read_text().splitlines() if line.startswith("COPY")]
        copied = {source for words in lines if not words[1].startswith("--") for source in words[1:-1]}
        assert copied <= kept
        assert all((ROOT / source).exists() for source in copied)
    assert "\nUSER 10001\n" in (DEPLOY / "Dockerfile").read_text()


def test_compose_refers_to_files_that_exist():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    paths = [volume.split(":")[0] for one in services.values() for volume in one["volumes"] if volume.startswith("./")]
    assert all((DEPLOY / path).exists() for path in paths if path != "./metrics-key")
    assert services["mien"]["read_only"]
    ports = [port for one in services.values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)


def event(path: str, request: httpx.Request | None = None) -> dict:
    """What Lambda gives for a request."""
    made = {"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {}, "isBase64Encoded": False}
    made["requestContext"] = {"http": {"method": request.method if request else "GET"}}
    if request:
        made |= {"body": base64.b64encode(request.read()).decode(), "isBase64Encoded": True}
        made["headers"] = {"content-type": request.headers["content-type"], "host": "example.org"}
    return made


def test_the_lambda_handler_reads_images_under_the_runtime_client():
    pytest.importorskip("awslambdaric", reason="needs AWS's runtime client")
    photo = httpx.Request("POST", "http://x", files=files(ASTRONAUT))
    events = [event("/healthz"), event("/v1/images", photo), event("/v1/nothing")]
    answers, done = [], threading.Event()

    class RuntimeApi(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if len(answers) == len(events):
                done.wait(60)  # as Lambda does while there is nothing to do
                return
            body = json.dumps(events[len(answers)]).encode()
            self.send_response(200)
            arn = "arn:aws:lambda:eu-central-1:0:function:mien"
            sent = {"Request-Id": str(len(answers)), "Deadline-Ms": "9999999999999", "Invoked-Function-Arn": arn}
            sent |= {"Trace-Id": "Root=1-5-1;Sampled=0", "Client-Context": "{}", "Cognito-Identity": "{}"}
            for name, value in sent.items():
                self.send_header(f"Lambda-Runtime-{'' if name != 'Request-Id' else 'Aws-'}{name}", value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if len(answers) == len(events):
                done.set()

        def log_message(self, *_words: object) -> None:
            pass

    api = HTTPServer(("127.0.0.1", 0), RuntimeApi)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}"}
    environment |= {"AWS_LAMBDA_FUNCTION_NAME": "mien", "LAMBDA_TASK_ROOT": str(ROOT), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "awslambdaric", "mien.serve.lambda_handler.handler"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert done.wait(120)
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()
    assert [answer["statusCode"] for answer in answers] == [200, 200, 404]
    (image,) = json.loads(answers[1]["body"])["images"]
    assert image["readings"][0]["emotion"] == "happy"
