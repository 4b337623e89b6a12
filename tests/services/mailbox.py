"""A loopback mail server that keeps what it is sent: just enough SMTP for one honest sender."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.services.inbox import Inbox


class Mailbox(Inbox[EmailMessage]):
    """Takes every mail; a context manager.  `target` is its host:port."""

    def __init__(self) -> None:
        mailbox = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 here")
                while line := self.rfile.readline():
                    command = line[:4].upper().strip()
                    if command == b"DATA":
                        self._say("354 go on")
                        mailbox.keep(_parsed(self._body()))
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
        server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        super().__init__(server, "mailbox")
        self.target = f"127.0.0.1:{server.server_address[1]}"

    def await_mail(self, words: str, timeout: float) -> EmailMessage:
        """The first mail with these words in its subject; raises Expired with the subjects that came instead."""
        return self.await_first(
            lambda mail: words in str(mail["Subject"]),
            timeout,
            repr(words),
            lambda mails: str([mail["Subject"] for mail in mails]),
        )


def _parsed(body: bytes) -> EmailMessage:
    mail = message_from_bytes(body, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail
