"""Writes the typed views of the TM Forum resources from the published contracts.

`python -m tools.entities` writes, `--check` compares. What is taken from a contract: names, types, what is mandatory,
states, operations and events; no sentences. The steps:

contract     reads one contract file
shapes       flattens its schemas into attribute tables
conventions  brings generation 4 shapes to generation 5
plan         decides which shape goes into which module, and what is shared
facts        what else a resource's contract says: paths, verbs, events, mandatory attributes
render       writes Python
"""
