//! HTTP/2 on the wire (RFC 9113), as hostile clients write it.

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// How many requests or frames a batch has.
const BATCH: u32 = 100;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What a connection begins with: windows of streams of this size, and one of the connection that is
/// never used up.
pub fn hello(stream_window: u32) -> Vec<u8> {
    let setting = [&[0, 4], &stream_window.to_be_bytes()[..]].concat();
    [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &setting), window_update(0, 0x3fff_ffff), ack()]
        .concat()
}

pub fn ack() -> Vec<u8> {
    frame(SETTINGS, ACK, 0, &[])
}

pub fn pong(payload: &[u8]) -> Vec<u8> {
    frame(PING, ACK, 0, payload)
}

pub fn window_update(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

pub fn data(stream: u32, bytes: usize) -> Vec<u8> {
    frame(DATA, 0, stream, &vec![b'x'; bytes])
}

/// The fields of a request, RFC 7541: indexed where they are in the static table, else literal.
fn fields(is_post: bool, path: &str) -> Vec<u8> {
    let literal = |index: u8, text: &str| {
        [&[index, u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat()
    };
    let method = if is_post { 0x83 } else { 0x82 };
    [vec![method, 0x86], literal(4, path), vec![0x41, 1, b'x']].concat()
}

pub fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields(false, path))
}

pub fn post(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &fields(true, path))
}

/// The number of the `index`th stream of the `batch`th batch.
fn stream(batch: u32, index: u32) -> u32 {
    1 + 2 * (batch * BATCH + index)
}

fn each(one: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    (0..BATCH).flat_map(one).collect()
}

pub fn requests(batch: u32) -> Vec<u8> {
    each(|index| get(stream(batch, index), "/version"))
}

/// A field of no bytes that is in the table by now, a thousand times: 2 KB become a thousand fields.
pub fn header_bomb(batch: u32) -> Vec<u8> {
    let block = [fields(false, "/"), b"\x60\x00".repeat(1000)].concat();
    each(|index| frame(HEADERS, END_STREAM | END_HEADERS, stream(batch, index), &block))
}

pub fn rapid_reset(batch: u32) -> Vec<u8> {
    each(|index| {
        let stream = stream(batch, index);
        [get(stream, "/version"), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    })
}

pub fn pings(_: u32) -> Vec<u8> {
    each(|_| frame(PING, 0, 0, b"12345678"))
}

pub fn settings_flood(_: u32) -> Vec<u8> {
    each(|_| frame(SETTINGS, 0, 0, &[]))
}

pub fn empty_data(batch: u32) -> Vec<u8> {
    let first = if batch == 0 { post(1, "/echo") } else { Vec::new() };
    [first, each(|_| frame(DATA, 0, 1, &[]))].concat()
}

/// A head that never ends.
pub fn continuations(batch: u32) -> Vec<u8> {
    let first = if batch == 0 { frame(HEADERS, 0, 1, &fields(false, "/")) } else { Vec::new() };
    [first, each(|_| frame(CONTINUATION, 0, 1, b"\x60\x00"))].concat()
}

pub fn window_updates(_: u32) -> Vec<u8> {
    each(|_| window_update(0, 1))
}

pub fn unknown(_: u32) -> Vec<u8> {
    each(|_| frame(0xbe, 0, 0, b"nobody knows this one"))
}

/// What a client makes of the frames that came: how many streams ended, and what is to be answered.
#[derive(Default)]
pub struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    pub fn read(&mut self, bytes: &[u8]) -> (usize, Vec<u8>) {
        self.bytes.extend(bytes);
        let (mut ended, mut answer, mut taken, mut consumed) = (0, Vec::new(), 0, 0_u32);
        while let Some((head, rest)) =
            self.bytes.get(taken..).and_then(|bytes| bytes.split_first_chunk::<9>())
        {
            let [a, b, c, kind, flags, ..] = *head;
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(0);
            let Some(payload) = rest.get(..length) else { break };
            match kind {
                DATA | HEADERS if flags & END_STREAM != 0 => ended += 1,
                SETTINGS if flags & ACK == 0 => answer.extend(ack()),
                PING if flags & ACK == 0 => answer.extend(pong(payload)),
                _ => {}
            }
            if kind == DATA {
                consumed += u32::try_from(length).unwrap_or(0);
            }
            taken += 9 + length;
        }
        self.bytes.drain(..taken);
        if consumed > 0 {
            answer.extend(window_update(0, consumed));
        }
        (ended, answer)
    }
}
