"""Stand-ins for the audit APIs of Box, Dropbox, Google Workspace and Office 365, and workloads to feed them.

What belongs here: servers that answer over real HTTP with the providers' own paths, verbs, sign-in, paging,
errors, limits and payload shapes, fed from a workload file; the clock that they use; and the making of workloads.

What does not belong here: anything that reads those APIs, normalises events or evaluates them. The sandbox
imports none of connectors, detection, assets or orchestration, and none of them imports the sandbox: they communicate
over HTTP and through the files `sandbox.env` and the workload.
"""
