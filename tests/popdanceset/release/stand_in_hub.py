"""A stand-in for the few calls of a Hugging Face hub that a push makes.

It checks what the real hub checks: the token, the hash of every uploaded file, that a commit names only
content that its storage has, and the parent of a commit.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

LARGE = (".parquet", ".png")


@dataclass
class Repository:
    """Files by name, and the files of every commit, the newest last."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    commits: list[dict[str, bytes]] = field(default_factory=list)

    def head(self) -> str:
        listing = json.dumps(
            [sorted((n, hashlib.sha1(b).hexdigest()) for n, b in c.items()) for c in self.commits]
        )
        return hashlib.sha1(listing.encode()).hexdigest()

    def keep(self) -> None:
        self.commits.append(dict(self.files))


Failure = tuple[int, dict[str, str]]


@dataclass
class StandInHub:
    """The hub's state, and a record of what was asked of it.

    Attributes:
        token: the one that is accepted.
        repositories: id → repository.
        storage: SHA-256 → content of large files, whether a commit names it or not.
        calls: method and path of every request, in order.
        uploads: hash of every upload, in order.
        failing: returns a status and headers for requests that must fail.
        before: called before each request is handled.
        page: entries in an answer about a tree.
    """

    token: str = "hf_secretsecretsecret"
    repositories: dict[str, Repository] = field(default_factory=dict)
    storage: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    failing: Callable[[str, str], Failure | None] = lambda method, path: None
    before: Callable[[str, str], None] = lambda method, path: None
    page: int = 5
    url: str = ""

    def __enter__(self) -> StandInHub:
        hub = self

        class Handler(_Handler):
            state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def create(self, repo_id: str, private: bool = False, **files: bytes) -> Repository:
        """Adds a repository, which begins with a commit, as on the hub."""
        repository = Repository(private, {".gitattributes": b"*.parquet filter=lfs\n", **files})
        repository.keep()
        self.repositories[repo_id] = repository
        return repository


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: StandInHub

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _handle(self, method: str) -> None:
        hub, path = self.state, urlsplit(self.path).path
        body = self._body()
        hub.calls.append(f"{method} {path}")
        hub.before(method, path)
        failure = hub.failing(method, path)
        if failure:
            self._answer(failure[0], {"error": "as you wish"}, failure[1])
        elif method == "PUT":
            self._store(path, body)  # a signed address: no token
        elif self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._answer(401, {"error": "Invalid credentials in Authorization header"})
        elif path == "/api/validate-yaml":
            text = json.loads(body)["content"].split("---\n")[1]
            self._answer(200 if yaml.safe_load(text) else 400, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        else:
            self._of_repository(method, path, body)

    def _of_repository(self, method: str, path: str, body: bytes) -> None:
        match = re.match(r"/(?:api/)?datasets/([^/]+/[^/]+?)(\.git)?(?:/(.*))?$", path)
        repository = self.state.repositories.get(match[1]) if match else None
        if match is None or repository is None:
            self._answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return
        action = (match[3] or "").partition("/")[0]
        if method == "GET" and action in ("", "revision"):
            card = repository.files.get("README.md", b"").decode().split("---\n")
            data = yaml.safe_load(card[1]) if len(card) > 2 else None
            known = {"id": match[1], "sha": repository.head(), "private": repository.private, "tags": []}
            self._answer(200, {**known, "cardData": data, "siblings": []})
        elif method == "GET" and action == "tree":
            self._tree(repository)
        elif action == "preupload":
            wanted = json.loads(body)["files"]
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in wanted
            ]
            self._answer(200, {"files": files})
        elif action == "info":
            self._batch(json.loads(body))
        elif action == "commit":
            self._commit(match[1], repository, [json.loads(line) for line in body.splitlines()])
        elif action == "super-squash":
            repository.commits = [dict(repository.files)]
            self._answer(200, {})
        else:
            self._answer(404, {"error": f"no such call: {method} {path}"})

    def _create(self, wanted: dict[str, Any]) -> None:
        repo_id = f"{wanted['organization']}/{wanted['name']}"
        if repo_id in self.state.repositories:
            self._answer(409, {"error": "You already created this dataset repo"})
            return
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.state.create(repo_id, private)
        self._answer(200, {"url": f"{self.state.url}/datasets/{repo_id}"})

    def _tree(self, repository: Repository) -> None:
        entries = []
        for name, content in sorted(repository.files.items()):
            git_id = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_id}
            if name in repository.large:
                oid = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
                entry["oid"] = "0" * 40  # of the pointer
            entries.append(entry)
        entries.append({"type": "directory", "path": "data", "oid": "1" * 40, "size": 0})
        query = parse_qs(urlsplit(self.path).query)
        first = int(query.get("cursor", ["0"])[0])
        last = first + self.state.page
        rest = f'<{self.state.url}{urlsplit(self.path).path}?recursive=true&cursor={last}>; rel="next"'
        self._answer(200, entries[first:last], {"Link": rest} if last < len(entries) else {})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = []
        for each in wanted["objects"]:
            found = {"oid": each["oid"], "size": each["size"]}
            if each["oid"] not in self.state.storage:
                found["actions"] = {"upload": {"href": f"{self.state.url}/storage/{each['oid']}"}}
            objects.append(found)
        self._answer(200, {"transfer": "basic", "objects": objects})

    def _store(self, path: str, content: bytes) -> None:
        oid = path.rpartition("/")[2]
        self.state.uploads.append(oid)
        if hashlib.sha256(content).hexdigest() != oid:
            self._answer(400, {"error": "the content has another hash"})
            return
        self.state.storage[oid] = content
        self._answer(200, {})

    def _commit(self, repo_id: str, repository: Repository, lines: list[dict[str, Any]]) -> None:
        files, large = dict(repository.files), set(repository.large)
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                if value.get("parentCommit", repository.head()) != repository.head():
                    self._answer(412, {"error": "A commit has happened since. Please refresh and try again."})
                    return
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
                large.discard(value["path"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.state.storage:
                    self._answer(400, {"error": f"{value['path']} was not uploaded"})
                    return
                files[value["path"]] = self.state.storage[value["oid"]]
                large.add(value["path"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
                large.discard(value["path"])
        repository.files, repository.large = files, large
        repository.keep()
        head = repository.head()
        self._answer(
            200,
            {
                "commitOid": head,
                "commitUrl": f"{self.state.url}/datasets/{repo_id}/commit/{head}",
                "success": True,
            },
        )

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client was killed
