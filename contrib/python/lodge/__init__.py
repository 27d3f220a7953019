"""A client of Lodge, the supervisor of Linux containers. The standard library is enough; Python 3.9 or newer.

    import lodge

    with lodge.Lodge() as host:
        host.create('web', {'rootfs.path': '/srv/trees/web', 'rootfs.mode': 'overlay', 'command': ['/bin/sleep', '60']})
        host.start('web')
        for event in lodge.events(guest='web'):
            if event.detail.ended:
                print(event.sequence, event.detail.ended.headline.kind)
                break

Answers are values with the members of protocol/admin.x, which are read as attributes or as of a dictionary. Enumerators
are words (`running`, `oom`); a number that this package does not know stays a number. Times are nanoseconds since 1970
in UTC. A spec is a dictionary of keys from the top (`limits.memory`) as `lodge help spec` lists them.

One `Lodge` is one connection, for one thread. It does not connect again: a daemon that is restarted ends it with
`Unreachable`. `events` does, and misses and repeats nothing.
"""

import collections
import json
import os
import select
import socket
import struct
import time
import uuid

__all__ = ['Lodge', 'LodgeError', 'Unreachable', 'ProtocolError', 'Value', 'events', 'headline', 'settings', 'spec_of']
__version__ = '1'


class LodgeError(Exception):
    """An error of the daemon.

    `code` is a word for programs and stays the same for ever (`notFound`, `wrongState`, `denied`, ...); `hint` is the
    next step, empty where none is known; `errno` and `step` are None unless a system call failed.
    """

    def __init__(self, code, message, hint='', errno=None, step=None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.errno = errno
        self.step = step


class Unreachable(LodgeError):
    """The daemon cannot be reached, or the connection has ended. An order may have been carried out all the same."""

    def __init__(self, message):
        super().__init__('unavailable', message, 'systemctl status lodged')


class ProtocolError(Exception):
    """Bytes that break the protocol, or a value that it cannot carry."""


class Value(dict):
    """A struct or a union. `value.name` is `value['name']`."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value


# ---- XDR (RFC 4506) ----------------------------------------------------------

_SCALARS = {
    'int': struct.Struct('>i'), 'unsigned int': struct.Struct('>I'), 'hyper': struct.Struct('>q'),
    'unsigned hyper': struct.Struct('>Q'), 'float': struct.Struct('>f'), 'double': struct.Struct('>d'),
    'char': struct.Struct('>i'), 'unsigned char': struct.Struct('>I'), 'short': struct.Struct('>i'),
    'unsigned short': struct.Struct('>I'),
}
_UINT = _SCALARS['unsigned int']
_INT = _SCALARS['int']


class _Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0

    def take(self, count):
        if count > len(self.data) - self.position:
            raise ProtocolError('a value is cut off')
        self.position += count
        return self.data[self.position - count:self.position]

    def scalar(self, form):
        return form.unpack(self.take(form.size))[0]

    def count(self, limit):
        count = self.scalar(_UINT)
        if count > limit or count > len(self.data):
            raise ProtocolError('a length of %d, above its limit' % count)
        return count

    def padded(self, count):
        data = self.take(count)
        if any(self.take(-count % 4)):
            raise ProtocolError('padding that is not zero')
        return data

    def finish(self):
        if self.position != len(self.data):
            raise ProtocolError('%d bytes are left over' % (len(self.data) - self.position))


def _enum_words(definition):
    return {number: word for word, number in definition[1].items()}


def _resolved(kind):
    while isinstance(kind, tuple) and kind[0] in ('type', 'alias'):
        kind = TYPES[kind[1]] if kind[0] == 'type' else kind[1]
    return kind


def _decode(kind, reader):
    if kind is None:
        return None
    if isinstance(kind, str):
        if kind == 'bool':
            number = reader.scalar(_INT)
            if number not in (0, 1):
                raise ProtocolError('%d is no bool' % number)
            return bool(number)
        return reader.scalar(_SCALARS[kind])
    tag = kind[0]
    if tag == 'type':
        return _decode(TYPES[kind[1]], reader)
    if tag == 'alias':
        return _decode(kind[1], reader)
    if tag == 'string':
        return reader.padded(reader.count(kind[1])).decode('utf-8', 'replace')
    if tag == 'opaque':
        return reader.padded(reader.count(kind[1]))
    if tag == 'fixed':
        return reader.padded(kind[1])
    if tag == 'list':
        return [_decode(kind[1], reader) for _ in range(reader.count(kind[2]))]
    if tag == 'array':
        return [_decode(kind[1], reader) for _ in range(kind[2])]
    if tag == 'optional':
        return _decode(kind[1], reader) if _decode('bool', reader) else None
    if tag == 'enum':
        number = reader.scalar(_INT)
        word = _enum_words(kind).get(number)
        if word is None and not kind[2]:
            raise ProtocolError('%d is no value of its enum' % number)
        return number if word is None else word
    if tag == 'struct':
        return Value((member[0], _decode(member[1], reader)) for member in kind[1])
    if tag == 'growable':
        inner = _Reader(reader.padded(reader.count(kind[1])))
        value = Value()
        for member in kind[2]:
            # An older writer ends before the members that came later; a newer one has more, which are passed over.
            if inner.position == len(inner.data) and len(member) > 2:
                value[member[0]] = list(member[2]) if member[2] == () else member[2]
            else:
                value[member[0]] = _decode(member[1], inner)
        return value
    if tag == 'union':
        chosen = _decode(kind[1], reader)
        arm = _arm(kind, chosen)
        if arm is None:
            return Value(kind=chosen)
        return Value([('kind', chosen), (arm[0], _decode(arm[1], reader))])
    raise ProtocolError('no type %r' % (kind,))


def _arm(union, chosen):
    discriminant = _resolved(union[1])
    number = chosen
    if isinstance(discriminant, tuple) and isinstance(chosen, str):
        number = discriminant[1][chosen]
    if int(number) in union[2]:
        return union[2][int(number)]
    if union[3] is None:
        raise ProtocolError('%r is no case of its union' % (chosen,))
    return union[3][0]


def _padded(data):
    return data + bytes(-len(data) % 4)


def _counted(count, limit):
    if count > limit:
        raise ProtocolError('%d elements or bytes; at most %d fit' % (count, limit))
    return _UINT.pack(count)


def _encode(kind, value):
    if kind is None:
        return b''
    if isinstance(kind, str):
        if kind == 'bool':
            return _INT.pack(1 if value else 0)
        try:
            return _SCALARS[kind].pack(value)
        except struct.error as error:
            raise ProtocolError('%r is no %s: %s' % (value, kind, error)) from None
    tag = kind[0]
    if tag == 'type':
        return _encode(TYPES[kind[1]], value)
    if tag == 'alias':
        return _encode(kind[1], value)
    if tag in ('string', 'opaque'):
        data = value.encode('utf-8') if isinstance(value, str) else bytes(value)
        return _counted(len(data), kind[1]) + _padded(data)
    if tag == 'fixed':
        data = bytes(value)
        if len(data) != kind[1]:
            raise ProtocolError('%d bytes where %d belong' % (len(data), kind[1]))
        return _padded(data)
    if tag == 'list':
        return _counted(len(value), kind[2]) + b''.join(_encode(kind[1], item) for item in value)
    if tag == 'array':
        return b''.join(_encode(kind[1], item) for item in value)
    if tag == 'optional':
        return _INT.pack(0) if value is None else _INT.pack(1) + _encode(kind[1], value)
    if tag == 'enum':
        if isinstance(value, str) and value not in kind[1]:
            raise ProtocolError('%r is none of %s' % (value, ', '.join(kind[1])))
        return _INT.pack(kind[1][value] if isinstance(value, str) else value)
    if tag == 'struct':
        return b''.join(_encode(member[1], _member(value, member)) for member in kind[1])
    if tag == 'growable':
        body = b''.join(_encode(member[1], _member(value, member)) for member in kind[2])
        return _counted(len(body), kind[1]) + _padded(body)
    if tag == 'union':
        arm = _arm(kind, value['kind'])
        return _encode(kind[1], value['kind']) + (_encode(arm[1], value[arm[0]]) if arm else b'')
    raise ProtocolError('no type %r' % (kind,))


def _member(value, member):
    if member[0] in value:
        return value[member[0]]
    if len(member) > 2:
        return member[2]
    raise ProtocolError('the member %s is missing' % member[0])


# ---- connections --------------------------------------------------------------

_HEADER = struct.Struct('>IIIiiIi')
_FRAME_MAX = 4194304


def address_of(address=None):
    """The path of the daemon's socket: `address`, LODGE_CONNECT, that below LODGE_ROOT, or the system's."""
    address = address or os.environ.get('LODGE_CONNECT')
    if address:
        return address[len('unix://'):] if address.startswith('unix://') else address
    root = os.environ.get('LODGE_ROOT')
    return root.rstrip('/') + '/run/lodge.sock' if root else '/run/lodge/lodge.sock'


class _Connection:
    def __init__(self, path, name):
        self.path = path
        self.buffer = b''
        self.messages = collections.deque()
        self.serial = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(path)
        except OSError as error:
            self.socket.close()
            raise Unreachable('connect to %s: %s' % (path, error.strerror)) from error
        self.hello = self.call('hello', {'client': name})

    def close(self):
        self.socket.close()

    def call(self, procedure, arguments=None, timeout=None):
        program, version, procedures = PROGRAMS['admin_program']
        number, argument_type, result_type, _ = procedures[procedure]
        self.serial += 1
        payload = _encode(argument_type, arguments)
        self._send(program, version, number, 0, self.serial, payload)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            frame = self._receive(deadline)
            if frame is None:
                raise LodgeError('timedOut', '%s: no answer within %s seconds' % (procedure, timeout))
            _, _, found, kind, serial, status, body = frame
            if kind == 2:
                self.messages.append((found, body))
                continue
            # The answer to a call that was given up comes later.
            if kind != 1 or serial != self.serial:
                continue
            reader = _Reader(body)
            if status == 1:
                error = _decode(('type', 'rpc_error'), reader)
                raise LodgeError(error.code, error.message, error.hint, error.errno_number, error.step)
            result = _decode(result_type, reader)
            reader.finish()
            return result

    def message(self, timeout):
        """The next event of the program as (procedure, body); None when none has come in time."""
        if self.messages:
            return self.messages.popleft()
        deadline = time.monotonic() + timeout
        while True:
            frame = self._receive(deadline)
            if frame is None:
                return None
            if frame[3] == 2:
                return frame[2], frame[6]

    def _send(self, program, version, procedure, kind, serial, payload=b''):
        frame = _HEADER.pack(_HEADER.size + len(payload), program, version, procedure, kind, serial, 0) + payload
        if len(frame) > _FRAME_MAX:
            raise ProtocolError('a message of %d bytes; at most %d fit' % (len(frame), _FRAME_MAX))
        try:
            self.socket.sendall(frame)
        except OSError as error:
            raise Unreachable('send to %s: %s' % (self.path, error.strerror)) from error

    def _receive(self, deadline):
        while True:
            if len(self.buffer) >= 4:
                length = _UINT.unpack(self.buffer[:4])[0]
                if not _HEADER.size <= length <= _FRAME_MAX:
                    raise ProtocolError('a frame of %d bytes' % length)
                if len(self.buffer) >= length:
                    frame, self.buffer = self.buffer[:length], self.buffer[length:]
                    _, program, version, procedure, kind, serial, status = _HEADER.unpack(frame[:_HEADER.size])
                    keepalive = PROGRAMS['keepalive']
                    if program == keepalive[0]:
                        if procedure == keepalive[2]['ping'][0]:
                            self._send(program, version, keepalive[2]['pong'][0], 2, 0)
                        continue
                    return program, version, procedure, kind, serial, status, frame[_HEADER.size:]
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                    return None
            try:
                data = self.socket.recv(1 << 18)
            except OSError as error:
                raise Unreachable('read from %s: %s' % (self.path, error.strerror)) from error
            if not data:
                raise Unreachable('read from %s: the daemon has closed the connection' % self.path)
            self.buffer += data


# ---- specs --------------------------------------------------------------------

def settings(spec):
    """A dictionary of keys from the top as the protocol carries it."""
    def text(value):
        if isinstance(value, bool):
            return 'true' if value else 'false'
        if isinstance(value, (list, tuple, dict)):
            return json.dumps(value, separators=(',', ':'), ensure_ascii=False)
        return str(value)
    return {'list': [{'key': key, 'value': text(value)} for key, value in spec.items()]}


def spec_of(carried):
    """The dictionary of a spec that came in: `host.guest('web').defined`. Values are texts; lists and mappings are read."""
    def value(text):
        if text[:1] in ('[', '{'):
            try:
                return json.loads(text)
            except ValueError:
                pass
        return text
    return {setting.key: value(setting.value) for setting in carried.list}


def headline(run):
    """How a run ended, of what `wait`, `stop` and `runs` give: `kind` is a word, `bad` whether it needs attention."""
    return run.ended.end.headline


def _labels(labels):
    return [{'key': key, 'value': value} for key, value in (labels or {}).items()]


def _request():
    # The same request sent twice is carried out once.
    return uuid.uuid4().bytes


class Lodge:
    """A connection to the daemon.

    `address` is a path or unix:///PATH; without it LODGE_CONNECT, LODGE_ROOT and the system's socket are taken in this
    order. `client` is the name in `lodge daemon clients`.
    """

    def __init__(self, address=None, client='python'):
        self._connection = _Connection(address_of(address), client)
        self.server = self._connection.hello.server
        self.features = frozenset(self._connection.hello.features)

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, procedure, timeout=None, **arguments):
        """Any procedure of protocol/admin.x by its name in small letters, with the members of its arguments."""
        return self._connection.call(procedure, arguments or None, timeout)

    # Guests

    def guests(self, pattern='', labels=None):
        """All guests by name; `pattern` is a glob, `labels` have to be carried all."""
        after = ''
        while True:
            page = self.call('guest_list', after=after, pattern=pattern, labels=_labels(labels), limit=0)
            yield from page.guests
            if not page.more or not page.guests:
                return
            after = page.guests[-1].name

    def guest(self, name):
        """Everything known of a guest. Its spec: `spec_of(host.guest('web').defined)`."""
        return self.call('guest_show', name=name)

    def create(self, name, spec):
        """Defines a guest that does not exist."""
        return self.call(
            'guest_create', request=_request(), name=name, spec=settings(spec), replace=False).guest

    def change(self, name, spec, expected=None):
        """Changes the spec of a guest. True if it runs, so that the change takes effect at its next start.

        With `expected`, the spec that was read before, a guest that was changed since is left alone: code `conflict`.
        """
        if expected is None:
            reply = self.call('guest_create', request=_request(), name=name, spec=settings(spec), replace=True)
        else:
            reply = self.call(
                'guest_change', request=_request(), name=name, spec=settings(spec), expected=settings(expected))
        return reply.at_next_start

    def remove(self, name, force=False):
        """Removes a guest; with `force` after killing it."""
        self.call('guest_remove', request=_request(), name=name, force=force)

    def start(self, name):
        """Starts a guest; returns the UUID of its run once its init has been executed."""
        return uuid.UUID(bytes=self.call('guest_start', request=_request(), name=name).run)

    def run(self, name, spec):
        """Defines a guest and starts it, both or neither; returns the UUID of its run."""
        reply = self.call('guest_run', request=_request(), name=name, spec=settings(spec), replace=False)
        return uuid.UUID(bytes=reply.run)

    def stop(self, name, timeout=None, signal=0, kill=True):
        """Stops a guest politely, by force after `timeout` seconds; returns the run that ended.

        None if only a restart was pending; one that is stopped already is refused with `wrongState`. `signal` 0 and `timeout` None are those of the spec. Without `kill` nothing is done by force: code `timedOut`.
        """
        return self.call(
            'guest_stop', request=_request(), name=name, signal=signal, no_kill=not kill,
            timeout_millis=-1 if timeout is None else int(timeout * 1000)).ended

    def kill(self, name, signal=9):
        """Ends a guest at once; another signal than 9 is sent to its init."""
        return self.call('guest_kill', request=_request(), name=name, signal=signal).ended

    def restart(self, name, timeout=None):
        """Ends the present run, if there is one, and starts the next; returns its UUID."""
        reply = self.call(
            'guest_restart', request=_request(), name=name, signal=0, no_kill=False,
            timeout_millis=-1 if timeout is None else int(timeout * 1000))
        return uuid.UUID(bytes=reply.run)

    def runs(self, name):
        """Runs that have ended, newest first."""
        before = 0
        while True:
            page = self.call('guest_runs', name=name, before=before, limit=0)
            yield from page.runs
            if not page.more or not page.runs:
                return
            before = page.runs[-1].number

    def wait(self, name, condition='ended', since=0, run=None, timeout=None):
        """Waits until a guest is `running`, `stopped`, or has `ended`; returns the run that ended, where one did.

        `run` is the UUID of the run whose end is meant, `since` a number of the journal after which it has to come.
        `timeout` is in seconds: code `timedOut`.
        """
        return self.call(
            'guest_wait', name=name, condition=condition, run=run.bytes if run else None, since=since,
            timeout_millis=-1 if timeout is None else int(timeout * 1000)).ended

    def log(self, name, tail=0):
        """The bytes of a console log, as `lodge logs --raw` has them: whole lines with time and stream."""
        cursor = b''
        while True:
            part = self.call('log_read', name=name, cursor=cursor, tail_lines=tail, wait=False)
            if part.bytes:
                yield part.bytes
            if part.end or not part.bytes:
                return
            cursor = part.next

    # The host and the daemon

    def hooks(self):
        """Hooks, and how each went so far."""
        return self.call('hook_list').hooks

    def host(self):
        """The host, and what it can give its guests."""
        return self.call('host_info')

    def daemon(self):
        """The daemon itself."""
        return self.call('daemon_status')


def _filter(guest, types, causes, labels):
    return {
        'guest_pattern': guest, 'types': list(types), 'causes': list(causes), 'labels': _labels(labels),
    }


def events(since=None, guest='', types=(), causes=(), labels=None, address=None, client='python', patience=None):
    """Events as they happen, without an end: nothing is missed or repeated, also when the daemon is restarted.

    `since` is a number of the journal, `'boot'`, or None for what happens from now on. What is yielded has the members
    of `event` in protocol/admin.x; keep `sequence` and give it as `since` to go on another day. Where retention has
    overtaken the reader, a value with `gap` (first, last) comes instead of the numbers that are gone.

    `guest` is a glob, `types` and `causes` are words (`state`, `notice`; `oom`, `exited`). `patience` is the time in
    seconds to wait for a daemon that is away, before `Unreachable` is raised; None waits for ever. A daemon that was
    never there is not waited for.
    """
    place = {'kind': 'now'} if since is None else {'kind': 'boot'} if since == 'boot' else None
    position = since if place is None else None
    away = None
    was_there = False
    numbers = {name: row[0] for name, row in PROGRAMS['admin_program'][2].items()}
    while True:
        connection = None
        try:
            connection = _Connection(address_of(address), client)
            start = place if position is None else {'kind': 'sequence', 'sequence': position}
            reply = connection.call('events_subscribe', {
                'since': start, 'snapshot': False, 'filter': _filter(guest, types, causes, labels), 'tick_millis': 5000,
            })
            was_there, away = True, None
            if position is None:
                position = reply.after
            while True:
                message = connection.message(30)
                # The daemon says at least every five seconds that it is there.
                if message is None:
                    raise Unreachable('events: the daemon has said nothing for 30 seconds')
                number, body = message
                if number == numbers['event']:
                    event = _decode(('type', 'event_message'), _Reader(body)).event
                    if event.sequence > position:
                        position = event.sequence
                        yield event
                elif number == numbers['event_gap']:
                    gap = _decode(('type', 'event_gap'), _Reader(body))
                    position = max(position, gap.to)
                    yield Value(gap=(gap['from'], gap.to))
                elif number == numbers['event_tick']:
                    position = max(position, _decode(('type', 'event_tick'), _Reader(body)).newest)
        except Unreachable:
            now = time.monotonic()
            away = now if away is None else away
            if not was_there or (patience is not None and now - away > patience):
                raise
            time.sleep(min(2.0, 0.05 + (now - away) / 4))
        finally:
            if connection is not None:
                connection.close()


# Generated by xdrgen: begin. Do not edit below.
RPC_HEADER_SIZE = 28
RPC_FRAME_MAX = 4194304
RPC_FDS_MAX = 32
RPC_HELLO = 0
GUEST_NAME_MAX = 64
PATH_LENGTH_MAX = 4095
TEXT_MAX = 2048
LABELS_MAX = 32
STEP_MAX = 64
LOG_TAIL_MAX = 10
LOG_TAIL_LINE_MAX = 512
SETTING_KEY_MAX = 128
SETTING_VALUE_MAX = 1600000
SETTINGS_MAX = 256
MEASURES_MAX = 32
ORDER_SIGNALS_MAX = 4
ORDERS_MAX = 16
END_RECORD_MAGIC = 1280263239
END_RECORD_FORMAT = 2
LIST_PAGE_MAX = 128
RUNS_PAGE_MAX = 100
LOG_CHUNK_MAX = 65536
EVENT_FORMAT = 2
EVENTS_PAGE_MAX = 128
HOOK_ARGUMENTS_MAX = 8
HOOKS_MAX = 64
CLIENTS_MAX = 1000

TYPES = {
    'rpc_message_type': ('enum', {'call': 0, 'reply': 1, 'event': 2, 'stream': 3, 'callWithFds': 4, 'replyWithFds': 5}, False),
    'rpc_status': ('enum', {'ok': 0, 'error': 1, 'continue': 2}, False),
    'rpc_header': ('struct', (('length', 'unsigned int'), ('program', 'unsigned int'), ('version', 'unsigned int'), ('procedure', 'int'), ('type', ('type', 'rpc_message_type')), ('serial', 'unsigned int'), ('status', ('type', 'rpc_status')))),
    'rpc_error_code': ('enum', {'internal': 1, 'invalidArgument': 2, 'notFound': 3, 'alreadyExists': 4, 'wrongState': 5, 'denied': 6, 'notSupported': 7, 'timedOut': 8, 'limitReached': 9, 'unavailable': 10, 'startFailed': 11, 'cancelled': 12, 'badFrame': 13, 'unknownProgram': 14, 'storage': 15, 'conflict': 16}, True),
    'rpc_step_name': ('alias', ('string', 64)),
    'rpc_error': ('struct', (('code', ('type', 'rpc_error_code')), ('message', ('string', 2048)), ('hint', ('string', 1024)), ('errno_number', ('optional', 'int')), ('step', ('optional', ('type', 'rpc_step_name'))))),
    'feature_name': ('alias', ('string', 64)),
    'hello_args': ('struct', (('client', ('string', 128)),)),
    'hello_reply': ('struct', (('server', ('string', 128)), ('versions', ('list', 'unsigned int', 16)), ('features', ('list', ('type', 'feature_name'), 64)))),
    'guest_name': ('alias', ('string', 64)),
    'path_name': ('alias', ('string', 4095)),
    'text': ('alias', ('string', 2048)),
    'short_text': ('alias', ('string', 256)),
    'log_line': ('alias', ('string', 512)),
    'run_id': ('alias', ('fixed', 16)),
    'boot_id': ('alias', ('fixed', 16)),
    'label': ('struct', (('key', ('string', 64)), ('value', ('string', 256)))),
    'guest_state': ('enum', {'stopped': 0, 'starting': 1, 'running': 2, 'stopping': 3, 'waiting': 4}, True),
    'actor_kind': ('enum', {'guest': 0, 'user': 1, 'policy': 2, 'daemon': 3}, True),
    'actor': ('struct', (('kind', ('type', 'actor_kind')), ('uid', 'unsigned int'), ('pid', 'int'))),
    'stop_method': ('enum', {'polite': 0, 'forced': 1, 'cancelled': 2}, False),
    'end_kind': ('enum', {'exited': 1, 'signaled': 2, 'oom': 3, 'reboot': 4, 'halt': 5, 'powerOff': 6, 'stopped': 7, 'startFailed': 8, 'controllerLost': 9, 'hostReset': 10, 'notKnown': 11}, True),
    'wait_status': ('struct', (('signaled', 'bool'), ('value', 'int'), ('core_dumped', 'bool'))),
    'oom_limit': ('enum', {'own': 0, 'parent': 1, 'host': 2}, False),
    'oom_victim': ('enum', {'init': 0, 'child': 1}, False),
    'oom_end': ('struct', (('victim', ('type', 'oom_victim')), ('limit', ('type', 'oom_limit')), ('limit_bytes', 'unsigned hyper'), ('kills', 'unsigned int'), ('status', ('type', 'wait_status')))),
    'start_failed_end': ('struct', (('step', ('string', 64)), ('errno_number', 'int'), ('message', ('type', 'text')))),
    'setting': ('struct', (('key', ('string', 128)), ('value', ('string', 1600000)))),
    'guest_settings': ('growable', 1800000, (('list', ('list', ('type', 'setting'), 256)),)),
    'measure': ('struct', (('key', ('string', 64)), ('value', 'unsigned hyper'))),
    'order_verb': ('enum', {'stop': 0, 'kill': 1, 'remove': 2, 'restart': 3, 'shutdown': 4}, True),
    'end_order': ('growable', 1024, (('number', 'unsigned int'), ('verb', ('type', 'order_verb')), ('by', ('type', 'actor')), ('at', 'hyper'), ('signal', 'int'), ('timeout_millis', 'hyper'), ('no_kill', 'bool'), ('signals_sent', ('list', 'int', 4)), ('kill_sent', 'bool'), ('given_up', 'bool'))),
    'end_orders': ('struct', (('kept', ('list', ('type', 'end_order'), 16)), ('omitted', 'unsigned int'))),
    'known': ('enum', {'not': 0, 'yes': 1, 'no': 2}, False),
    'status_witness': ('enum', {'reaped': 0, 'zombie': 1}, True),
    'init_status': ('struct', (('value', ('type', 'wait_status')), ('witness', ('type', 'status_witness')))),
    'reboot_command': ('enum', {'restart': 0, 'halt': 1, 'powerOff': 2}, False),
    'memory_witness': ('enum', {'kernelLog': 0, 'counter': 1, 'status': 2}, True),
    'memory_kills': ('growable', 1024, (('kills', 'unsigned int'), ('init_killed', ('type', 'known')), ('witness', ('optional', ('type', 'memory_witness'))), ('last_before_end_millis', ('optional', 'unsigned hyper')), ('limit', ('type', 'oom_limit')), ('limit_bytes', ('optional', 'unsigned hyper')))),
    'fence_reason': ('enum', {'controllerDied': 0, 'orderOverdue': 1, 'launchOverdue': 2, 'controllerUnreachable': 3, 'recordUnreadable': 4, 'nothingFound': 5}, True),
    'end_fence': ('struct', (('reason', ('type', 'fence_reason')), ('order', 'unsigned int'))),
    'end_facts': ('growable', 12288, (('recorded', 'bool'), ('init_executed', ('type', 'known')), ('status', ('optional', ('type', 'init_status'))), ('start_failure', ('optional', ('type', 'start_failed_end'))), ('reboots', ('list', ('type', 'reboot_command'), 4)), ('reboot_watched', 'bool'), ('memory', ('optional', ('type', 'memory_kills'))), ('orders', ('type', 'end_orders')), ('fence', ('optional', ('type', 'end_fence'))), ('start_boot', ('optional', ('type', 'boot_id'))), ('end_boot', ('optional', ('type', 'boot_id'))), ('end_seen', 'bool', True))),
    'end_headline': ('growable', 6144, (('kind', ('type', 'end_kind')), ('bad', 'bool'), ('status', ('optional', ('type', 'wait_status'))), ('oom', ('optional', ('type', 'oom_end'))), ('by', ('optional', ('type', 'actor'))), ('how', ('optional', ('type', 'stop_method'))), ('start_failure', ('optional', ('type', 'start_failed_end'))), ('while_stopping', ('optional', ('type', 'end_order'))))),
    'run_end': ('growable', 20480, (('headline', ('type', 'end_headline')), ('facts', ('type', 'end_facts')), ('started_at', ('optional', 'hyper')), ('ended_at', 'hyper'), ('length_nanos', 'unsigned hyper'), ('usage', ('list', ('type', 'measure'), 32)))),
    'end_record': ('growable', 28000, (('guest', ('type', 'guest_name')), ('run', ('type', 'run_id')), ('boot', ('type', 'boot_id')), ('end', ('type', 'run_end')), ('log_tail', ('list', ('type', 'log_line'), 10)))),
    'end_record_file': ('struct', (('magic', 'unsigned int'), ('format', 'unsigned int'), ('record', ('type', 'end_record')), ('crc', 'unsigned int'))),
    'request_id': ('alias', ('fixed', 16)),
    'run_record': ('growable', 28672, (('number', 'unsigned int'), ('started_by', ('type', 'actor')), ('ended', ('type', 'end_record')))),
    'guest_summary': ('growable', 32000, (('name', ('type', 'guest_name')), ('state', ('type', 'guest_state')), ('runs', 'unsigned int'), ('restarts', 'unsigned int'), ('run', ('optional', ('type', 'run_id'))), ('started_at', 'hyper'), ('up_nanos', 'unsigned hyper'), ('init_pid', 'int'), ('last', ('optional', ('type', 'run_record'))), ('restart_at', 'hyper'), ('restart_in_millis', 'unsigned hyper'), ('restart_attempt', 'unsigned int'), ('restart_limit', 'unsigned int'), ('autostart', 'bool'), ('degraded', 'bool'), ('stuck_tasks', ('type', 'text')), ('note', ('type', 'text')), ('labels', ('list', ('type', 'label'), 32)))),
    'guest_details': ('growable', 4000000, (('summary', ('type', 'guest_summary')), ('defined', ('type', 'guest_settings')), ('running', ('optional', ('type', 'guest_settings'))), ('created_at', 'hyper'), ('run_directory', ('type', 'path_name')), ('log_path', ('type', 'path_name')), ('cgroup', ('string', 512)), ('usage', ('list', ('type', 'measure'), 32)))),
    'guest_create_args': ('struct', (('request', ('optional', ('type', 'request_id'))), ('name', ('type', 'guest_name')), ('spec', ('type', 'guest_settings')), ('replace', 'bool'))),
    'guest_create_reply': ('struct', (('guest', ('type', 'guest_summary')), ('at_next_start', 'bool'))),
    'guest_change_args': ('growable', 3700000, (('request', ('optional', ('type', 'request_id'))), ('name', ('type', 'guest_name')), ('spec', ('type', 'guest_settings')), ('expected', ('type', 'guest_settings')))),
    'guest_name_args': ('struct', (('name', ('type', 'guest_name')),)),
    'guest_remove_args': ('struct', (('request', ('optional', ('type', 'request_id'))), ('name', ('type', 'guest_name')), ('force', 'bool'))),
    'guest_start_args': ('struct', (('request', ('optional', ('type', 'request_id'))), ('name', ('type', 'guest_name')))),
    'guest_stop_args': ('struct', (('request', ('optional', ('type', 'request_id'))), ('name', ('type', 'guest_name')), ('signal', 'int'), ('timeout_millis', 'hyper'), ('no_kill', 'bool'))),
    'guest_kill_args': ('struct', (('request', ('optional', ('type', 'request_id'))), ('name', ('type', 'guest_name')), ('signal', 'int'))),
    'guest_start_reply': ('struct', (('guest', ('type', 'guest_summary')), ('run', ('type', 'run_id')))),
    'guest_ended_reply': ('struct', (('guest', ('type', 'guest_summary')), ('ended', ('optional', ('type', 'run_record'))))),
    'guest_list_args': ('struct', (('after', ('string', 64)), ('pattern', ('string', 128)), ('labels', ('list', ('type', 'label'), 8)), ('limit', 'unsigned int'))),
    'guest_list_reply': ('struct', (('guests', ('list', ('type', 'guest_summary'), 128)), ('more', 'bool'), ('sequence', 'unsigned hyper'))),
    'guest_runs_args': ('struct', (('name', ('type', 'guest_name')), ('before', 'unsigned int'), ('limit', 'unsigned int'))),
    'guest_runs_reply': ('struct', (('runs', ('list', ('type', 'run_record'), 100)), ('more', 'bool'))),
    'wait_condition': ('enum', {'ended': 0, 'running': 1, 'stopped': 2}, True),
    'guest_wait_args': ('struct', (('name', ('type', 'guest_name')), ('condition', ('type', 'wait_condition')), ('run', ('optional', ('type', 'run_id'))), ('since', 'unsigned hyper'), ('timeout_millis', 'hyper'))),
    'log_cursor': ('alias', ('opaque', 32)),
    'log_read_args': ('struct', (('name', ('type', 'guest_name')), ('cursor', ('type', 'log_cursor')), ('tail_lines', 'unsigned int'), ('wait', 'bool'))),
    'log_read_reply': ('struct', (('bytes', ('opaque', 65536)), ('next', ('type', 'log_cursor')), ('end', 'bool'), ('lost_bytes', 'unsigned hyper'))),
    'event_type': ('enum', {'created': 0, 'changed': 1, 'removed': 2, 'state': 3, 'notice': 4, 'daemon': 5, 'hook': 6, 'order': 7}, True),
    'notice_code': ('enum', {'none': 0, 'restartsGivenUp': 1, 'controllerSilent': 2, 'controllerAnswers': 3, 'tasksStuck': 4}, True),
    'event_detail': ('growable', 32000, (('from', ('type', 'guest_state')), ('to', ('type', 'guest_state')), ('by', ('type', 'actor')), ('message', ('type', 'text')), ('ended', ('optional', ('type', 'run_end'))), ('order', ('optional', ('type', 'end_order'))), ('labels', ('list', ('type', 'label'), 32)), ('notice', ('type', 'notice_code'), 'none'))),
    'event': ('struct', (('format', 'unsigned int'), ('sequence', 'unsigned hyper'), ('time', 'hyper'), ('boot', ('type', 'boot_id')), ('type', ('type', 'event_type')), ('guest', ('string', 64)), ('run', ('optional', ('type', 'run_id'))), ('run_number', 'unsigned int'), ('detail', ('type', 'event_detail')))),
    'event_filter': ('struct', (('guest_pattern', ('string', 128)), ('types', ('list', ('type', 'event_type'), 16)), ('causes', ('list', ('type', 'end_kind'), 16)), ('labels', ('list', ('type', 'label'), 8)))),
    'since_kind': ('enum', {'now': 0, 'sequence': 1, 'time': 2, 'boot': 3}, False),
    'event_since': ('union', ('type', 'since_kind'), {0: None, 1: ('sequence', 'unsigned hyper'), 2: ('time', 'hyper'), 3: None}, None),
    'events_subscribe_args': ('struct', (('since', ('type', 'event_since')), ('snapshot', 'bool'), ('filter', ('type', 'event_filter')), ('tick_millis', 'unsigned int'))),
    'events_subscribe_reply': ('struct', (('subscription', 'unsigned int'), ('after', 'unsigned hyper'), ('oldest', 'unsigned hyper'), ('newest', 'unsigned hyper'))),
    'events_unsubscribe_args': ('struct', (('subscription', 'unsigned int'),)),
    'events_read_args': ('struct', (('since', ('type', 'event_since')), ('filter', ('type', 'event_filter')), ('limit', 'unsigned int'))),
    'events_read_reply': ('struct', (('events', ('list', ('type', 'event'), 128)), ('next', 'unsigned hyper'), ('more', 'bool'), ('lost_from', 'unsigned hyper'), ('lost_to', 'unsigned hyper'))),
    'event_message': ('struct', (('subscription', 'unsigned int'), ('event', ('type', 'event')))),
    'event_gap': ('struct', (('subscription', 'unsigned int'), ('from', 'unsigned hyper'), ('to', 'unsigned hyper'))),
    'event_tick': ('struct', (('subscription', 'unsigned int'), ('newest', 'unsigned hyper'), ('time', 'hyper'))),
    'event_snapshot': ('struct', (('subscription', 'unsigned int'), ('sequence', 'unsigned hyper'), ('guests', ('list', ('type', 'guest_summary'), 128)), ('more', 'bool'))),
    'hook_argument': ('alias', ('string', 512)),
    'hook_spec': ('growable', 24576, (('name', ('string', 64)), ('filter', ('type', 'event_filter')), ('program', ('type', 'path_name')), ('timeout_millis', 'unsigned hyper'), ('retries', 'unsigned int'), ('arguments', ('list', ('type', 'hook_argument'), 8), ()))),
    'hook_status': ('growable', 32768, (('spec', ('type', 'hook_spec')), ('position', 'unsigned hyper'), ('runs', 'unsigned hyper'), ('failures', 'unsigned hyper'), ('last_error', ('type', 'text')))),
    'hook_list_reply': ('struct', (('hooks', ('list', ('type', 'hook_status'), 64)),)),
    'hook_remove_args': ('struct', (('name', ('string', 64)),)),
    'hook_test_args': ('struct', (('name', ('string', 64)),)),
    'hook_test_reply': ('growable', 4096, (('failure', ('type', 'text')), ('log', ('type', 'path_name')))),
    'host_feature': ('struct', (('name', ('string', 64)), ('available', 'bool'), ('reason', ('type', 'text')))),
    'host_info_reply': ('growable', 262144, (('hostname', ('string', 64)), ('kernel', ('string', 128)), ('architecture', ('string', 32)), ('cpus', 'unsigned int'), ('memory_bytes', 'unsigned hyper'), ('boot', ('type', 'boot_id')), ('cgroup_mode', ('string', 32)), ('features', ('list', ('type', 'host_feature'), 64)))),
    'daemon_status_reply': ('growable', 32768, (('version', ('string', 64)), ('pid', 'int'), ('started_at', 'hyper'), ('root', ('type', 'path_name')), ('database', ('type', 'path_name')), ('storage', ('type', 'text')), ('guests', 'unsigned int'), ('running', 'unsigned int'), ('connections', 'unsigned int'), ('subscriptions', 'unsigned int'), ('journal_oldest', 'unsigned hyper'), ('journal_newest', 'unsigned hyper'), ('journal_bytes', 'unsigned hyper'), ('log_level', ('string', 16)))),
    'client_info': ('growable', 1024, (('id', 'unsigned hyper'), ('uid', 'unsigned int'), ('pid', 'int'), ('name', ('string', 128)), ('read_only', 'bool'), ('since', 'hyper'), ('calls', 'unsigned hyper'), ('bytes_in', 'unsigned hyper'), ('bytes_out', 'unsigned hyper'), ('queued_bytes', 'unsigned hyper'), ('subscriptions', 'unsigned int'))),
    'daemon_clients_reply': ('struct', (('clients', ('list', ('type', 'client_info'), 1000)),)),
    'daemon_limit': ('struct', (('name', ('string', 64)), ('value', 'unsigned hyper'), ('used', 'unsigned hyper'), ('meaning', ('string', 256)))),
    'daemon_limits_reply': ('struct', (('limits', ('list', ('type', 'daemon_limit'), 32)),)),
    'daemon_trace_args': ('struct', (('level', ('string', 16)),)),
}

PROGRAMS = {
    'keepalive': (0x6b656570, 1, {
        'ping': (1, None, None, 'event'),
        'pong': (2, None, None, 'event'),
    }),
    'admin_program': (0x20000001, 2, {
        'hello': (0, ('type', 'hello_args'), ('type', 'hello_reply'), 'idempotent'),
        'guest_create': (1, ('type', 'guest_create_args'), ('type', 'guest_create_reply'), 'idempotent'),
        'guest_remove': (2, ('type', 'guest_remove_args'), None, 'idempotent'),
        'guest_start': (3, ('type', 'guest_start_args'), ('type', 'guest_start_reply'), 'idempotent'),
        'guest_stop': (4, ('type', 'guest_stop_args'), ('type', 'guest_ended_reply'), 'idempotent'),
        'guest_kill': (5, ('type', 'guest_kill_args'), ('type', 'guest_ended_reply'), 'idempotent'),
        'guest_restart': (6, ('type', 'guest_stop_args'), ('type', 'guest_start_reply'), 'idempotent'),
        'guest_list': (7, ('type', 'guest_list_args'), ('type', 'guest_list_reply'), 'idempotent'),
        'guest_show': (8, ('type', 'guest_name_args'), ('type', 'guest_details'), 'idempotent'),
        'guest_runs': (9, ('type', 'guest_runs_args'), ('type', 'guest_runs_reply'), 'idempotent'),
        'guest_wait': (10, ('type', 'guest_wait_args'), ('type', 'guest_ended_reply'), 'idempotent'),
        'log_read': (11, ('type', 'log_read_args'), ('type', 'log_read_reply'), 'idempotent'),
        'events_subscribe': (12, ('type', 'events_subscribe_args'), ('type', 'events_subscribe_reply'), 'call'),
        'events_unsubscribe': (13, ('type', 'events_unsubscribe_args'), None, 'idempotent'),
        'events_read': (14, ('type', 'events_read_args'), ('type', 'events_read_reply'), 'idempotent'),
        'event': (15, None, ('type', 'event_message'), 'event'),
        'event_gap': (16, None, ('type', 'event_gap'), 'event'),
        'event_tick': (17, None, ('type', 'event_tick'), 'event'),
        'event_snapshot': (18, None, ('type', 'event_snapshot'), 'event'),
        'hook_add': (19, ('type', 'hook_spec'), None, 'call'),
        'hook_remove': (20, ('type', 'hook_remove_args'), None, 'call'),
        'hook_list': (21, None, ('type', 'hook_list_reply'), 'idempotent'),
        'host_info': (22, None, ('type', 'host_info_reply'), 'idempotent'),
        'daemon_status': (23, None, ('type', 'daemon_status_reply'), 'idempotent'),
        'daemon_clients': (24, None, ('type', 'daemon_clients_reply'), 'idempotent'),
        'daemon_limits': (25, None, ('type', 'daemon_limits_reply'), 'idempotent'),
        'daemon_trace': (26, ('type', 'daemon_trace_args'), None, 'idempotent'),
        'guest_run': (27, ('type', 'guest_create_args'), ('type', 'guest_start_reply'), 'idempotent'),
        'guest_change': (28, ('type', 'guest_change_args'), ('type', 'guest_create_reply'), 'idempotent'),
        'hook_test': (29, ('type', 'hook_test_args'), ('type', 'hook_test_reply'), 'call'),
    }),
}
# Generated by xdrgen: end.
