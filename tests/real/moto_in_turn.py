"""Runs moto's server with one request at a time.

By itself it serves requests on many threads and looks for an object before it writes it: now and then two creations of
one object succeed, as they never do on the service that it stands for. Takes the arguments of `moto_server`.
"""

import threading

from moto import server

lock = threading.Lock()
serve = server.DomainDispatcherApplication.__call__


def one_at_a_time(self, environ, start_response):
    with lock:
        return serve(self, environ, start_response)


server.DomainDispatcherApplication.__call__ = one_at_a_time
server.main()
