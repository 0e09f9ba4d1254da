"""The API over real parts, and a client for it: one of each for a whole test module, since starting costs a second."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api.keys import Role
from tests.support.api_rig import ApiRig
from tests.support.served import ServedApp


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiRig]:
    """Journal, desk, log, store and the rest, without the console."""
    made = ApiRig(tmp_path_factory.mktemp("api"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(rig: ApiRig) -> Iterator[httpx.Client]:
    """A client of the running application, without a key."""
    with ServedApp(rig.app()) as served, httpx.Client(base_url=served.url, timeout=10) as made:
        yield made


@pytest.fixture(scope="module")
def call(rig: ApiRig, client: httpx.Client) -> Callable[..., Any]:
    """``call("GET", "/alarms", role=..., enterprise=..., json=...)`` with a key of that role."""
    keys: dict[tuple[Role, str | None], str] = {}

    def do(method: str, path: str, role: Role | None = Role.VIEWER, enterprise: str | None = None, **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            if (role, enterprise) not in keys:
                keys[role, enterprise] = rig.key(role, enterprise)
            headers["Authorization"] = f"Bearer {keys[role, enterprise]}"
        whole = path if path.startswith(("/healthz", "/readyz", "/metrics", "/docs", "/openapi")) else f"/api/v1{path}"
        return client.request(method, whole, headers=headers, **more)

    return do
