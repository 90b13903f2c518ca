"""Submits a job and reads its result, by a client that was generated from the API's description.

Arguments: the folder of the generated package, the server's address, a token.
"""

import sys
import time

folder, address, token = sys.argv[1:]
sys.path.insert(0, folder)

from longshore_api import AuthenticatedClient  # noqa: E402
from longshore_api.api.jobs import result, show_job, submit_job  # noqa: E402
from longshore_api.models import NewJob, Problem, State, Submitted  # noqa: E402

client = AuthenticatedClient(base_url=address, token=token)

refused = submit_job.sync(client=client, body=NewJob.from_dict({"priorty": 5}))
assert isinstance(refused, Problem), refused
assert refused.code == "invalid" and refused.field == "priorty", refused

job = NewJob(command=["sh", "-c", """echo '{"answer": 42}'"""], name="from python")
submitted = submit_job.sync(client=client, body=job, idempotency_key="generated-1")
assert isinstance(submitted, Submitted) and submitted.is_new, submitted
again = submit_job.sync(client=client, body=job, idempotency_key="generated-1")
assert isinstance(again, Submitted), again
assert again.job == submitted.job and not again.is_new, again

deadline = time.monotonic() + 60
while True:
    shown = show_job.sync(submitted.job, client=client)
    assert not isinstance(shown, Problem), shown
    if shown.state == State.COMPLETED:
        break
    assert time.monotonic() < deadline, shown.state
    time.sleep(0.05)
assert shown.name == "from python" and shown.exit_code == 0, shown
assert result.sync(submitted.job, client=client) == {"answer": 42}
print("the generated client submitted job", submitted.job, "and read its result")
