#!/usr/bin/env python3
"""An admission webhook that puts a mirror's name into the images of pods: ADDRESS CERTIFICATE KEY FROM TO.

It prints its port once it listens."""

import base64
import http.server
import json
import ssl
import sys

address, certificate, key, source, mirror = sys.argv[1:]


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)["request"]
        containers = request["object"]["spec"]["containers"]
        patch = [
            {"op": "replace", "path": f"/spec/containers/{i}/image", "value": mirror + container["image"][len(source):]}
            for i, container in enumerate(containers)
            if container["image"].startswith(source)
        ]
        response = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch"}
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        answer = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer.encode())


server = http.server.ThreadingHTTPServer((address, 0), Webhook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
