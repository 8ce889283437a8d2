"""agentdesk: a terminal desk for the people who answer customers.

Imports point down this list, and what stands on one line does not import each other:

- ``cli`` what the shell calls, the only writer to stdout; ``testing`` the contract of connectors, as tests
- ``ui`` the screen; ``bootstrap`` makes a Desk out of everything below
- ``commands`` the verbs that keys, palette, scripts and shell call
- ``desk`` the use cases, as plain functions: both front ends stand on them
- ``sync`` pages in, replies out; ``reports`` the figures of a period; ``logs`` what goes wrong where nobody sees it
- ``store`` the cache, the only place with SQL; ``connectors`` a folder or file for each platform, the only place that
  talks to servers; ``secrets`` tokens
- ``rules`` clocks, order, the query language; ``replies`` templates, lengths, guards; ``config``
- ``model`` the words of the desk, as frozen data
- ``paths`` where things lie; ``programs`` running others
- ``errors`` the one tree of them: what happened, why, what to do next

Something new on the screen begins in ``ui/widgets``, a new verb or key in ``commands``, a new platform in
``connectors``, a new decision in ``rules``; what must survive a crash belongs into ``store``.
"""

__version__ = "0.1.0"
