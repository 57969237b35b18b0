//! A network cut into pieces that can be built, run and timed alone.
//!
//! The cut is where execution leaves it whole: the stem together with the first block (which begins with a depthwise
//! convolution in most families, and such a pair is one operation to a compiler), every further block, and everything
//! behind the last one. Two pieces with the same [`Piece::key`] do the same work, in whatever networks they stand; that is what
//! makes a table of measured pieces useful for networks that were never run.

use std::fmt::Write;

use crate::layer::output_size;
use crate::{ArchSpec, Block, BlockArgs, Coefficients, ConvUnit, Padding, Residual, Stage, Stem};

/// Which part of a network a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// First convolution, ResNet's max pooling, and the first block.
    Stem,
    /// Any other block.
    Block,
    /// The head's convolution where there is one, pooling and classifier.
    Head,
}

/// A part of a network, with the smallest network that has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    kind: PieceKind,
    key: String,
    spec: ArchSpec,
}

impl Piece {
    /// Which part it is.
    pub fn kind(&self) -> PieceKind {
        self.kind
    }

    /// All that its work depends on, readable, on one line; the same wherever the piece stands.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The smallest network around it: for a piece other than a stem, a 1x1 convolution on an image of one channel and of
    /// the piece's own size stands before it, as the network's stem.
    pub fn spec(&self) -> &ArchSpec {
        &self.spec
    }

    /// Shape of one sample that enters it, `[channels, height, width]`.
    pub fn input(&self) -> crate::Shape {
        let side = self.spec.resolution();
        let channels = match self.kind {
            PieceKind::Stem => self.spec.in_channels,
            PieceKind::Block | PieceKind::Head => self.spec.stem.conv.out_channels,
        };
        [channels, side, side]
    }
}

impl ArchSpec {
    /// The network as pieces, in order of execution, for images of [`ArchSpec::resolution`].
    pub fn pieces(&self) -> Vec<Piece> {
        let mut blocks =
            self.stages.iter().flat_map(|stage| stage.blocks.iter().map(|block| (&stage.args, block)));
        let mut pieces = Vec::new();
        let mut side = self.resolution();
        let first = blocks.next();
        pieces.push(self.piece(PieceKind::Stem, side, self.stem.clone(), first));
        side = self.after(side, [&self.stem.conv]);
        if let Some((kernel, stride)) = self.stem.max_pool {
            side = output_size(side, kernel, stride, self.padding);
        }
        if let Some((_, block)) = first {
            side = self.after(side, &block.units);
        }
        for (args, block) in blocks {
            pieces.push(self.piece(
                PieceKind::Block,
                side,
                adapter(block.in_channels()),
                Some((args, block)),
            ));
            side = self.after(side, &block.units);
        }
        let body = self.blocks().last().map_or(self.stem.conv.out_channels, Block::out_channels);
        pieces.push(self.piece(PieceKind::Head, side, adapter(body), None));
        pieces
    }

    /// Side of what comes out of a chain.
    fn after<'a>(&self, side: usize, units: impl IntoIterator<Item = &'a ConvUnit>) -> usize {
        units.into_iter().fold(side, |side, unit| output_size(side, unit.kernel, unit.stride, self.padding))
    }

    fn piece(&self, kind: PieceKind, side: usize, stem: Stem, block: Option<(&BlockArgs, &Block)>) -> Piece {
        let is_head = kind == PieceKind::Head;
        let stages = block.map(|(args, block)| Stage {
            args: BlockArgs { repeats: 1, ..args.clone() },
            blocks: vec![Block { drop_path: 0.0, ..block.clone() }],
        });
        let mut spec = ArchSpec {
            name: String::new(),
            baseline: self.baseline.clone(),
            coefficients: Coefficients { resolution: side, ..self.coefficients },
            in_channels: stem.conv.in_channels,
            num_classes: if is_head { self.num_classes } else { 1 },
            padding: self.padding,
            batch_norm: self.batch_norm,
            activation: self.activation,
            stem,
            stages: stages.into_iter().collect(),
            head: self.head.clone().filter(|_| is_head),
            dropout: 0.0,
        };
        let key = key(kind, &spec);
        spec.name.clone_from(&key);
        Piece { kind, key, spec }
    }
}

/// What brings an image of one channel to the channels of a piece.
fn adapter(channels: usize) -> Stem {
    let conv = ConvUnit {
        role: "stem".to_string(),
        in_channels: 1,
        out_channels: channels,
        kernel: 1,
        stride: 1,
        groups: 1,
        act: false,
    };
    Stem { conv, max_pool: None }
}

fn key(kind: PieceKind, spec: &ArchSpec) -> String {
    let mut parts = Vec::new();
    if kind == PieceKind::Stem {
        parts.push(unit(&spec.stem.conv));
        parts.extend(spec.stem.max_pool.map(|(kernel, stride)| format!("max {kernel}x{kernel}/{stride}")));
    }
    spec.blocks().for_each(|block| parts.push(chain(block)));
    if kind == PieceKind::Head {
        let body = spec.stem.conv.out_channels;
        parts.push(spec.head.as_ref().map_or_else(|| format!("pool {body}"), unit));
        parts.push(format!("{} classes", spec.num_classes));
    }
    let word = match kind {
        PieceKind::Stem => "stem",
        PieceKind::Block => "block",
        PieceKind::Head => "head",
    };
    let padding = match spec.padding {
        Padding::Same => "same",
        Padding::Symmetric => "symmetric",
    };
    format!("{word} {}px {padding} {}: {}", spec.resolution(), spec.activation.word(), parts.join(" | "))
}

fn chain(block: &Block) -> String {
    let mut text = Vec::new();
    for (index, link) in block.units.iter().enumerate() {
        text.push(unit(link));
        text.extend(block.se.as_ref().filter(|se| se.after == index).map(|se| format!("se {}", se.squeezed)));
    }
    match &block.residual {
        Residual::None => {}
        Residual::Identity => text.push("+ input".to_string()),
        Residual::Projection(shortcut) => text.push(format!("+ {}", unit(shortcut))),
    }
    if block.act_after_add {
        text.push("act".to_string());
    }
    text.join(", ")
}

fn unit(unit: &ConvUnit) -> String {
    let ConvUnit { kernel, stride, in_channels, out_channels, groups, .. } = *unit;
    let mut text = format!("{kernel}x{kernel}/{stride} {in_channels}-{out_channels}");
    if groups > 1 {
        // Writing to a string cannot fail.
        let _ = write!(text, " g{groups}");
    }
    if unit.act {
        text.push_str(" act");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_network() {
        for model in crate::models() {
            let spec = model.spec();
            let pieces = spec.pieces();
            assert_eq!(pieces.len(), spec.blocks().count() + 1, "{}", model.name);
            // What the adapters and the classifiers of one class take is all that there is too much of.
            let macs = |spec: &ArchSpec| spec.totals().unwrap().macs;
            let extra = |piece: &Piece| {
                let [channels, side, _] = piece.input();
                let adapter = if piece.kind() == PieceKind::Stem { 0 } else { channels * side * side };
                let classifier =
                    if piece.kind() == PieceKind::Head { 0 } else { piece.spec().num_features() + 1 };
                (adapter + classifier) as u64
            };
            let sum: u64 = pieces.iter().map(|piece| macs(piece.spec()) - extra(piece)).sum();
            assert_eq!(sum, macs(&spec), "{}", model.name);
        }
    }

    #[test]
    fn equal_pieces_have_equal_keys_and_others_have_not() {
        let spec = ArchSpec::named("efficientnet-b0").unwrap();
        let pieces = spec.pieces();
        assert_eq!(
            pieces[4].key(),
            "block 28px same silu: 1x1/1 40-240 act, 5x5/1 240-240 g240 act, se 10, 1x1/1 240-40, + input"
        );
        // The third and the fourth block of the stage of three.
        assert_eq!(pieces[6], pieces[7]);
        assert_ne!(pieces[5].key(), pieces[6].key());
        let padded = spec.clone().with_padding(Padding::Symmetric).pieces();
        assert!(pieces.iter().zip(&padded).all(|(a, b)| a.key() != b.key()));
        let classes = spec.with_classes(10).pieces();
        assert_eq!(classes[15], pieces[15]);
        assert_ne!(classes[16].key(), pieces[16].key());
        let resnet = ArchSpec::named("resnet50").unwrap().pieces();
        assert!(
            resnet[0].key().contains("| max 3x3/2 |") && resnet[0].key().ends_with("act"),
            "{}",
            resnet[0].key()
        );
    }
}
