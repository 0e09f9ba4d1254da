"""The OpenAPI document as a page: FastAPI's own loads scripts from elsewhere, and a control room has no elsewhere."""

from html import escape
from typing import Any

__all__ = ["reference_page"]

_STYLE = """
:root{color-scheme:dark}body{margin:0 auto;max-width:1100px;padding:24px;background:#0e1319;color:#dbe4ee;
font:15px/1.5 system-ui,"Noto Sans CJK SC","Noto Sans SC","Microsoft YaHei",sans-serif}
h1{font-size:26px}h2{margin:36px 0 8px;text-transform:capitalize;font-size:20px;color:#8fb8de}
details{background:#161d26;border:1px solid #283442;border-radius:8px;margin:8px 0;padding:0 14px}
summary{cursor:pointer;padding:11px 0;display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}
b{display:inline-block;min-width:52px;text-align:center;border-radius:4px;padding:1px 6px;font-size:13px;color:#0e1319}
b.get{background:#69b3e7}b.post{background:#7bc47f}b.put{background:#e8b04b}code{font-family:ui-monospace,monospace}
summary span{color:#8b9bab}table{border-collapse:collapse;width:100%;margin:6px 0 12px}
td,th{border-top:1px solid #283442;padding:6px 8px;text-align:left;vertical-align:top}th{color:#8b9bab;font-weight:500}
pre{background:#0b0f14;border-radius:6px;padding:10px;overflow:auto}a{color:#69b3e7}
"""


def reference_page(document: dict[str, Any]) -> str:
    """One HTML page without a script, everything in it from the OpenAPI document."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "put", "delete"):
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(path, method, operation, document))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(operations)}" for tag, operations in by_tag.items())
    info = document["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}</p>"
        '<p>The same for machines: <a href="/openapi.json">openapi.json</a>. '
        "Send <code>Authorization: Bearer KEY</code>.</p>"
        f"{body}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [
        f'<details><summary><b class="{method}">{method.upper()}</b><code>{escape(path)}</code>'
        f"<span>{escape(operation.get('summary', ''))}</span></summary>",
        f"<p>{escape(operation.get('description', ''))}</p>",
    ]
    rows = [
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{escape(_type(p.get('schema', {}), document))}</td><td>{escape(p.get('description', ''))}</td></tr>"
        for p in operation.get("parameters", [])
    ]
    if rows:
        parts.append(f"<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>{''.join(rows)}</table>")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        parts.append(f"<p>Body</p><pre>{escape(_type(content['schema'], document, 2))}</pre>")
    parts.append("</details>")
    return "".join(parts)


def _type(schema: dict[str, Any], document: dict[str, Any], depth: int = 1) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _type(document["components"]["schemas"][name], document, depth)
    if "anyOf" in schema:
        return " or ".join(_type(s, document, depth) for s in schema["anyOf"] if s.get("type") != "null")
    if "enum" in schema:
        return " | ".join(str(v) for v in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), document, depth)}"
    if schema.get("type") == "object" and "properties" in schema and depth:
        needed = schema.get("required", [])
        lines = [
            f"  {name}: {_type(s, document, depth - 1)}{'' if name in needed else ' (optional)'}"
            for name, s in schema["properties"].items()
        ]
        return "{\n" + "\n".join(lines) + "\n}"
    return str(schema.get("format") or schema.get("type", "any"))
