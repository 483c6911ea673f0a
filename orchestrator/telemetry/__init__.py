"""What a process says of its own work: spans, numbers and log lines, without anything about people.

logs.py      one line a record; exceptions by type, code and place, never by what they say
discreet.py  the filter of spans that leave the process: what is not on its list is not sent
tracing.py   client, workflow and activities of a run in one trace
run_traces.py  which trace a run has, and the headers that name a span
exporting.py where spans go
command_spans.py  the spans of a command
measures.py  counters, histograms and gauges
queue_delays.py  how long activities wait in their task queue
telemetry.py what is on, from three settings; nothing by default
"""
