"""What a question expects of predictions, fetched from the service. Imported when needed: it is heavy."""

from __future__ import annotations

import io

import pyarrow.parquet as pq

from kit.client.http import ONE_RETRY, Json, quoted
from kit.client.service import Client
from kit.errors import InvalidRequest
from kit.metrics import Domain
from kit.predictions import MAX_BYTES, Expected


def fetch_expected(client: Client, path: str, question: Json) -> Expected:
    """The server's own expectation, so that a check here is the check there.

    Parameters
    ----------
    path : str
        The competition's address.

    Raises
    ------
    InvalidRequest
        There is no such form: the organizers' problem.py scores code, on the service.
    """
    if question.get("code") and question.get("n_rows") is None:
        needed = " and ".join(question["code"]["entries"])
        raise InvalidRequest(
            f"Question {question['id']!r} has no predictions to check, nor can code be tried here: its data "
            f"and scores are the organizers' problem.py's. Submit code: {needed}."
        )
    client.require_login()
    answer = client.request("GET", f"{path}/questions/{quoted(question['id'])}/expected", retries=ONE_RETRY)
    ids = pq.read_table(io.BytesIO(answer.content)).column(0).to_pandas().to_numpy()
    return Expected(
        question=question["id"],
        id_column=question["id_column"],
        ids=ids if ids.dtype.kind == "i" else ids.astype(object),
        columns=tuple(question["columns"]),
        domain=Domain(question["domain"]),
        classes=tuple(map(str, question.get("classes") or ())),
        max_bytes=question.get("max_bytes") or MAX_BYTES,
    )
