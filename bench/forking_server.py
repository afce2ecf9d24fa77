"""A forking echo server by Python's standard library: forking_server.py PORT."""
import socketserver
import sys


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 4096
    max_children = 100000


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
