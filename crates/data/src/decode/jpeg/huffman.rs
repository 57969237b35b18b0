//! The entropy decoder of baseline JPEG: bits to coefficients, or, where nobody wants the coefficients, past them.
//!
//! Most of the time of a photograph's decoding is spent here, one symbol after the other, and a crop cannot begin before
//! everything above it has been read. So this does the clean case only, as fast as safe code can: whatever is unusual in
//! the stream ends it with `None`, and the general decoder decides what the file is (ITU-T T.81, F.2.2).

use std::sync::Arc;

use libjpeg_turbo_rs::common::huffman_table::HuffmanTable;
use libjpeg_turbo_rs::common::quant_table::ZIGZAG_ORDER;

/// Codes up to this length are looked up at once; longer ones are below one in a hundred.
const LOOKUP_BITS: u32 = 10;

/// The most that a code in the table and its number take.
const SYMBOL_BITS: u32 = LOOKUP_BITS + 15;

/// How far a leap looks ahead.
const LEAP_BITS: u32 = 12;

/// What a code says, in one word: the bits of code and number together (0 where the code is too long for the table), of
/// the code alone, of the number alone, and how many zeros come before.
#[derive(Clone, Copy, Default)]
struct Symbol(u32);

impl Symbol {
    fn new((symbol, length): (u8, u8)) -> Self {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        Self((u32::from(length) + size) | u32::from(length) << 8 | size << 16 | run << 24)
    }

    fn bits(self) -> u32 {
        self.0 & 0xFF
    }

    fn code_bits(self) -> u32 {
        self.0 >> 8 & 0xFF
    }

    fn size(self) -> u32 {
        self.0 >> 16 & 0xFF
    }

    fn run(self) -> u32 {
        self.0 >> 24
    }
}

/// A Huffman table, indexed by the next bits of the stream.
pub struct Table {
    symbols: [Symbol; 1 << LOOKUP_BITS],
    /// What to pass over at once, where coefficients are not wanted; empty if they always are.
    leaps: Vec<Leap>,
    codes: Arc<HuffmanTable>,
}

/// As many whole symbols as there are in the next [`LEAP_BITS`] bits, up to the end of the block, in one word: their bits
/// (0 if not even the first symbol is whole), whether the last one ends the block, and their coefficients, zeros included.
#[derive(Clone, Copy, Default)]
struct Leap(u16);

impl Leap {
    fn new(bits: u32, ends: bool, places: u32) -> Self {
        Self((bits | u32::from(ends) << 7 | places << 8) as u16)
    }

    fn bits(self) -> u32 {
        u32::from(self.0 & 0x7F)
    }

    fn ends(self) -> bool {
        self.0 & 0x80 != 0
    }

    fn places(self) -> usize {
        usize::from(self.0 >> 8)
    }
}

impl Table {
    pub fn new(codes: Arc<HuffmanTable>) -> Self {
        let mut symbols = [Symbol::default(); 1 << LOOKUP_BITS];
        for (prefix, symbol) in symbols.iter_mut().enumerate() {
            let (value, length) = codes.lookup_fast((prefix << (16 - LOOKUP_BITS)) as u16);
            if (1..=LOOKUP_BITS as u8).contains(&length) {
                *symbol = Symbol::new((value, length));
            }
        }
        Self { symbols, leaps: Vec::new(), codes }
    }

    /// As [`Table::new`], with leaps: for the coefficients of an image of which much is passed over.
    pub fn with_leaps(codes: Arc<HuffmanTable>) -> Self {
        let table = Self::new(codes);
        let leaps = (0..1u64 << LEAP_BITS).map(|prefix| table.leap(prefix << (64 - LEAP_BITS))).collect();
        Self { leaps, ..table }
    }

    fn leap(&self, buffer: u64) -> Leap {
        let (mut bits, mut places) = (0, 0);
        loop {
            let symbol = self.symbols[((buffer << bits) >> (64 - LOOKUP_BITS)) as usize];
            let passed = match (symbol.size(), symbol.run()) {
                (0, 0) => 0,
                (0, 15) => 16,
                (0, _) => break,
                (_, run) => run + 1,
            };
            if symbol.bits() == 0 || bits + symbol.bits() > LEAP_BITS || places + passed > 63 {
                break;
            }
            bits += symbol.bits();
            places += passed;
            if passed == 0 {
                return Leap::new(bits, true, places);
            }
        }
        Leap::new(bits, false, places)
    }

    /// The symbol at the top of `buffer`, whose bits are 0 if its code is too long for the table.
    #[inline(always)]
    fn symbol(&self, buffer: u64) -> Symbol {
        self.symbols[(buffer >> (64 - LOOKUP_BITS)) as usize]
    }

    #[cold]
    fn long_symbol(&self, buffer: u64) -> Option<Symbol> {
        self.codes.lookup((buffer >> 48) as u16).ok().map(Symbol::new)
    }
}

/// The bits of a scan.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    data: &'a [u8],
    next: usize,
    /// The next bits, from the top.
    buffer: u64,
    /// How many bits of the buffer count.
    count: u32,
    /// How many of them are zeros put in behind the last real one.
    missing: u32,
}

impl<'a> Bits<'a> {
    /// `data` starts behind the scan's header.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, next: 0, buffer: 0, count: 0, missing: 0 }
    }

    /// Whether bits were read that the stream does not have.
    pub fn is_beyond_the_end(&self) -> bool {
        self.missing > self.count
    }

    /// Makes at least 56 bits ready, where there are fewer: more than the longest code and the longest number together.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(word) = self.data.get(self.next..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_be_bytes(*word);
            if !has_ff(word) {
                self.buffer |= word >> self.count;
                self.next += (63 - self.count as usize) >> 3;
                self.count |= 56;
                return;
            }
        }
        *self = self.refilled_bytewise();
    }

    /// As [`Bits::refill`] near the end or where a byte of 0xFF (which a 0 follows) must be looked at.
    ///
    /// By value: what has an address is not kept in registers.
    #[cold]
    #[inline(never)]
    fn refilled_bytewise(mut self) -> Self {
        while self.count <= 56 {
            let byte = match self.data.get(self.next..) {
                Some([0xFF, 0, ..]) => {
                    self.next += 2;
                    0xFF
                }
                Some([0xFF, ..] | []) | None => {
                    self.missing += 8;
                    0
                }
                Some([byte, ..]) => {
                    self.next += 1;
                    *byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next symbol; it and its number are ready to be read.
    #[inline(always)]
    fn symbol(&mut self, table: &Table) -> Option<Symbol> {
        if self.count < SYMBOL_BITS {
            self.refill();
        }
        let symbol = table.symbol(self.buffer);
        if symbol.bits() > 0 {
            return Some(symbol);
        }
        if self.count < 32 {
            self.refill();
        }
        table.long_symbol(self.buffer)
    }

    #[inline(always)]
    fn consume(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }

    /// Passes the restart marker of this number, which must be next.
    pub fn restart(&mut self, number: u8) -> Option<()> {
        let rest = self.data.get(self.next..)?;
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        let whole = fill > 0 && rest.get(fill) == Some(&(0xD0 + number)) && !self.is_beyond_the_end();
        *self = Self { next: self.next + fill + 1, ..Self::new(self.data) };
        whole.then_some(())
    }

    /// Reads a block in the order of its rows and columns; `dc` is the component's first coefficient so far.
    ///
    /// With `KEEP` false the coefficients are passed over and `block` stays as it is.
    #[inline(always)]
    pub fn block<const KEEP: bool>(
        &mut self,
        [dc_table, ac_table]: &[Table; 2],
        dc: &mut i16,
        block: &mut [i16; 64],
    ) -> Option<()> {
        // A copy, which the compiler keeps in registers.
        let mut bits = *self;
        let symbol = bits.symbol(dc_table)?;
        if symbol.size() > 11 || symbol.run() > 0 {
            return None;
        }
        *dc = dc.wrapping_add(number(bits.buffer, symbol));
        bits.consume(symbol.bits());
        if KEEP {
            *block = [0; 64];
            block[0] = *dc;
        }
        let mut place = 1;
        while place < 64 {
            if !KEEP {
                if bits.count < LEAP_BITS {
                    bits.refill();
                }
                let leap = ac_table.leaps.get((bits.buffer >> (64 - LEAP_BITS)) as usize);
                let leap = leap.copied().unwrap_or_default();
                if leap.bits() > 0 && place + leap.places() + usize::from(leap.ends()) <= 64 {
                    bits.consume(leap.bits());
                    place += leap.places();
                    if leap.ends() {
                        break;
                    }
                    continue;
                }
            }
            let symbol = bits.symbol(ac_table)?;
            place += symbol.run() as usize;
            if symbol.size() == 0 {
                bits.consume(symbol.bits());
                match symbol.run() {
                    0 => break,
                    15 => place += 1,
                    _ => return None,
                }
                continue;
            }
            if place > 63 {
                return None;
            }
            if KEEP {
                block[ZIGZAG_ORDER[place & 63] & 63] = number(bits.buffer, symbol);
            }
            bits.consume(symbol.bits());
            place += 1;
        }
        *self = bits;
        Some(())
    }
}

/// The number behind a code: its first bit is 0 where it is negative (T.81, table F.1).
#[inline(always)]
fn number(buffer: u64, symbol: Symbol) -> i16 {
    let behind = buffer << symbol.code_bits();
    // All ones for a negative number, which is stored as its opposite with every bit turned.
    let sign = !(behind as i64 >> 63);
    // Two shifts, because by 64, which it is without bits, one cannot shift.
    let opposite = ((behind as i64 ^ sign) as u64 >> (63 - symbol.size()) >> 1) as i64;
    ((opposite ^ sign) - sign) as i16
}

/// Whether one of the eight bytes is 0xFF.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    let inverted = !word;
    inverted.wrapping_sub(ONES) & word & (ONES << 7) != 0
}
