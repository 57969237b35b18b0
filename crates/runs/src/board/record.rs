//! Events as protocol buffers, framed as TFRecord.
//!
//! Field numbers are those of TensorFlow's `event.proto` and `summary.proto`.

/// A field's kind on the wire, the lower three bits of its key.
const VARINT: u8 = 0;
const DOUBLE: u8 = 1;
const BYTES: u8 = 2;
const FLOAT: u8 = 5;

/// `SessionLog.START`.
const START: u64 = 1;

/// What every file begins with.
pub(super) fn version(wall_time: f64) -> Vec<u8> {
    let mut event = event(wall_time, 0);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// Work begins at this step: what was written of it or of later ones before counts no more.
pub(super) fn start(wall_time: f64, step: u64) -> Vec<u8> {
    let mut log = vec![key(1, VARINT)];
    varint(&mut log, START);
    let mut event = event(wall_time, step);
    bytes(&mut event, 7, &log);
    event
}

/// Values of a step.
pub(super) fn scalars(wall_time: f64, step: u64, values: &[(&str, f32)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, number) in values {
        let mut value = Vec::new();
        bytes(&mut value, 1, tag.as_bytes());
        value.push(key(2, FLOAT));
        value.extend(number.to_le_bytes());
        bytes(&mut summary, 1, &value);
    }
    let mut event = event(wall_time, step);
    bytes(&mut event, 5, &summary);
    event
}

/// TFRecord: the length, its checksum, the event, its checksum.
pub(super) fn framed(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let checksum = masked(event).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), event, &checksum].concat()
}

/// A checksum that may stand in data which is checksummed again: rotated, and moved by TFRecord's constant.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![key(1, DOUBLE)];
    event.extend(wall_time.to_le_bytes());
    event.push(key(2, VARINT));
    varint(&mut event, step);
    event
}

const fn key(field: u8, kind: u8) -> u8 {
    field << 3 | kind
}

fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(key(field, BYTES));
    varint(out, content.len() as u64);
    out.extend(content);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
