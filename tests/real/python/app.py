"""A provider in Python, written against `wit/` alone: objects behind a small HTTP API.

Built by the test with `componentize-py`; nothing of this repository but the contract is in it.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.provider import Checked, Manifest, Page, Planned, Target_State
from wit_world.imports import http, log
from wit_world.imports.types import (
    CallContext,
    DeleteOutcome_Done,
    Document,
    ErrorKind,
    Failure,
    Identity,
    ProviderError,
    ResourceState,
    WriteOutcome_Done,
)

TYPE = "python_note"

SCHEMA = {
    "typeName": TYPE,
    "description": "A note.",
    "type": "object",
    "additionalProperties": False,
    "required": ["title"],
    "properties": {
        "title": {"type": "string"},
        "body": {"type": "string"},
        "id": {"type": "string"},
    },
    "primaryIdentifier": ["/properties/id"],
    "readOnlyProperties": ["/properties/id"],
    "createOnlyProperties": ["/properties/title"],
    "x-cofferdam-stable": ["/properties/id"],
    "handlers": {"create": {}, "read": {}, "update": {}, "delete": {}},
}

CONFIG_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host"],
    "properties": {"host": {"type": "string"}},
}


def error(kind: ErrorKind, message: str) -> ProviderError:
    return ProviderError(kind, message, [], None, None)


def unsupported() -> Err:
    return Err(error(ErrorKind.UNSUPPORTED, "this provider does not do that"))


def send(session: bytes, method: str, path: str, value=None, key: str = "") -> http.Response:
    """One request with the credential `token`; raises the contract's error for anything but success and 404."""
    url = f"http://{json.loads(session)['host']}/notes{path}"
    headers = [("content-type", "application/json")] + ([("idempotency-key", key)] if key else [])
    body = b"" if value is None else json.dumps(value).encode()
    request = http.Request(method, url, headers, body, http.Auth_Bearer("token"), method != "POST", None)
    answer = http.send([request])[0]
    if isinstance(answer, Err):
        said = getattr(answer.value, "value", type(answer.value).__name__)
        raise Err(error(ErrorKind.OTHER, f"{method} {url}: {said}"))
    response = answer.value
    if response.status >= 400 and response.status != 404:
        raise Err(error(ErrorKind.OTHER, f"{method} {url}: status {response.status}"))
    return response


def state(note: dict) -> ResourceState:
    properties = {key: note[key] for key in ("title", "body", "id") if note.get(key) is not None}
    identity = Identity([("/properties/id", note["id"])])
    return ResourceState(identity, Document(json.dumps(properties), [], []), b"", 1)


def written(response: http.Response) -> WriteOutcome_Done:
    return WriteOutcome_Done(state(json.loads(response.body)))


def write(call) -> WriteOutcome_Done:
    """A failed write says what it left behind: here, nothing."""
    try:
        return call()
    except Err as failed:
        raise Err(Failure(failed.value, None))


class Provider(exports.Provider):
    def describe(self) -> Manifest:
        asks = {"hosts": [{"pattern": "${config.host}"}], "credentials": [{"name": "token"}]}
        return Manifest("python", "0.1.0", json.dumps(CONFIG_SCHEMA), [TYPE], [], json.dumps(asks))

    def describe_resource(self, type: str) -> str:
        return json.dumps(SCHEMA)

    def describe_function(self, name: str) -> str:
        raise unsupported()

    def configure(self, ctx: CallContext, config: Document) -> bytes:
        return config.json.encode()

    def check(self, session, ctx, type, inputs, prior) -> Checked:
        raise unsupported()

    def plan(self, session, ctx, type, prior, inputs) -> Planned:
        raise unsupported()

    def create(self, session, ctx, type, inputs):
        log.progress("asking Python")
        note = json.loads(inputs.json)
        return write(lambda: written(send(session, "POST", "", note, ctx.operation_id)))

    def update(self, session, ctx, type, prior, inputs, patch):
        path = "/" + json.loads(prior.properties.json)["id"]
        return write(lambda: written(send(session, "PUT", path, json.loads(inputs.json))))

    def delete(self, session, ctx, type, prior):
        path = "/" + json.loads(prior.properties.json)["id"]
        write(lambda: send(session, "DELETE", path))
        return DeleteOutcome_Done()

    def resume(self, session, ctx, type, checkpoint):
        raise Err(Failure(unsupported().value, None))

    def read(self, session, ctx, type, what):
        if not isinstance(what, Target_State):
            raise unsupported()
        path = "/" + json.loads(what.value.properties.json)["id"]
        response = send(session, "GET", path)
        return None if response.status == 404 else state(json.loads(response.body))

    def list(self, session, ctx, type, filter, cursor, limit) -> Page:
        raise unsupported()

    def migrate(self, origin, type, properties, hidden) -> ResourceState:
        raise unsupported()

    def invoke(self, session, ctx, name, arguments) -> Document:
        raise unsupported()
