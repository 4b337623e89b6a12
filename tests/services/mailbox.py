"""A loopback mail server that keeps what it is sent: just enough SMTP for one honest sender."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from tests.services.waiting import Expired


class Mailbox:
    """Takes every mail; a context manager.  `target` is its host:port."""

    def __init__(self) -> None:
        self._arrived = Condition()
        self._mails: list[EmailMessage] = []
        mailbox = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 here")
                while line := self.rfile.readline():
                    command = line[:4].upper().strip()
                    if command == b"DATA":
                        self._say("354 go on")
                        mailbox._keep(self._body())
                    self._say("221 bye" if command == b"QUIT" else "250 ok")
                    if command == b"QUIT":
                        return

            def _body(self) -> bytes:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                return b"".join(lines)

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        ThreadingTCPServer.daemon_threads = True
        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.target = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, name="mailbox", kwargs={"poll_interval": 0.05})

    def await_mail(self, words: str, timeout: float) -> EmailMessage:
        """The first mail with these words in its subject; raises Expired with the subjects that came instead."""

        def first() -> EmailMessage | None:
            return next((mail for mail in self._mails if words in str(mail["Subject"])), None)

        with self._arrived:
            found = self._arrived.wait_for(first, timeout)
            if found is None:
                raise Expired(f"waited {timeout:g} s for {words!r}; came: {[mail['Subject'] for mail in self._mails]}")
            return found

    def _keep(self, body: bytes) -> None:
        mail = message_from_bytes(body, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
