//! The compiler: a graph's operations become steps, one after the other.

use super::{Buffer, BufferOf, From, Kind, Producer, Program, SizeRule, Step, To};
use crate::builder::{Graph, Node};
use crate::op::{ImageLayout, ResidualOrder, Value};
use crate::pack::{Dense, Depthwise, Form, Source};

/// Fuses the operations that lead to the outputs; all others are dropped.
pub(crate) fn compile(graph: Graph, outputs: &[Value], layout: ImageLayout) -> Program {
    let Graph { nodes, channels, names, grids } = graph;
    let users = Users::of(&nodes, outputs);
    let sizes = nodes.iter().map(size_rule).collect();
    let program = Program {
        steps: Vec::new(),
        names: Vec::new(),
        buffers: Vec::new(),
        channels,
        grids,
        sizes,
        residuals: Vec::new(),
        layout,
        outputs: Vec::new(),
    };
    let count = nodes.len();
    let mut compiler = Compiler {
        program,
        users,
        names,
        maps: vec![None; count],
        bytes: vec![None; count],
        sums: vec![None; count],
        gates: vec![None; count],
        waiting: (0..count).map(|_| None).collect(),
    };
    for (i, node) in nodes.into_iter().enumerate() {
        let value = Value(i);
        if let Node::Dense { residual: Some((residual, _)), .. } = &node {
            compiler.program.residuals.push((value, *residual));
        }
        if compiler.users.wanted[i] {
            compiler.node(value, node);
        }
    }
    for &output in outputs {
        let map = compiler.map(output);
        compiler.program.outputs.push(map);
    }
    compiler.program
}

fn size_rule(node: &Node) -> SizeRule {
    match node {
        Node::Input => SizeRule::Input,
        Node::Dense { from, op, .. } => SizeRule::Window(*from, op.geometry),
        Node::Depthwise { from, op } => SizeRule::Window(*from, op.geometry),
        Node::MaxPool { from, geometry } => SizeRule::Window(*from, *geometry),
        Node::Excite { from, .. } => SizeRule::Same(*from),
        Node::Mean { .. } => SizeRule::Point,
    }
}

/// How each value is used.
struct Users {
    /// It leads to an output.
    wanted: Vec<bool>,
    /// Its only use is as the input of a depthwise convolution.
    only_depthwise: Vec<bool>,
    /// Its only use is that its mean is taken.
    only_mean: Vec<bool>,
    /// Some use takes its mean.
    some_mean: Vec<bool>,
    /// All uses are as the input of 1x1 convolutions in f32.
    only_pointwise: Vec<bool>,
    /// All uses are as the input of 1x1 convolutions in bytes.
    only_bytes: Vec<bool>,
    /// Some use is one.
    some_bytes: Vec<bool>,
}

impl Users {
    fn of(nodes: &[Node], outputs: &[Value]) -> Self {
        let mut wanted = vec![false; nodes.len()];
        let mut stack: Vec<usize> = outputs.iter().map(|output| output.0).collect();
        while let Some(i) = stack.pop() {
            if !std::mem::replace(&mut wanted[i], true) {
                stack.extend(nodes[i].reads().iter().map(|read| read.0));
            }
        }
        let uses = |i: usize| {
            let value = Value(i);
            let wanted = &wanted;
            nodes
                .iter()
                .enumerate()
                .filter(move |(user, _)| wanted[*user])
                .flat_map(move |(_, node)| node.reads().into_iter().map(move |read| (read, node)))
                .filter(move |(read, _)| *read == value)
                .map(|(_, node)| node)
        };
        let all = |i: usize, of: &dyn Fn(&Node) -> bool| {
            !outputs.contains(&Value(i)) && uses(i).count() > 0 && uses(i).all(of)
        };
        let every = |of: &dyn Fn(usize) -> bool| (0..nodes.len()).map(of).collect::<Vec<_>>();
        let pointwise = |i: usize, node: &Node, bytes: bool| match node {
            Node::Dense { from, op, residual } => {
                op.geometry.kernel == [1, 1]
                    && matches!(op.form, Form::Bytes { .. }) == bytes
                    && from.0 == i
                    && residual.is_none_or(|(residual, _)| residual.0 != i)
            }
            _ => false,
        };
        let reads_bytes = |i: usize, node: &Node| matches!(node, Node::Dense { from, op, .. } if matches!(op.form, Form::Bytes { .. }) && from.0 == i);
        Self {
            only_depthwise: every(&|i| {
                uses(i).count() == 1 && all(i, &|node| matches!(node, Node::Depthwise { .. }))
            }),
            only_mean: every(&|i| all(i, &|node| matches!(node, Node::Mean { .. }))),
            some_mean: every(&|i| {
                uses(i).any(|node| matches!(node, Node::Mean { .. } | Node::Excite { .. }))
            }),
            only_pointwise: every(&|i| all(i, &|node| pointwise(i, node, false))),
            only_bytes: every(&|i| all(i, &|node| pointwise(i, node, true))),
            some_bytes: every(&|i| uses(i).any(|node| reads_bytes(i, node))),
            wanted,
        }
    }
}

struct Compiler {
    program: Program,
    users: Users,
    names: Vec<String>,
    /// For each value, the buffers that hold it.
    maps: Vec<Option<Buffer>>,
    bytes: Vec<Option<Buffer>>,
    sums: Vec<Option<Buffer>>,
    /// Map and gate whose product the value is.
    gates: Vec<Option<(Buffer, Buffer)>>,
    /// A convolution that will be a depthwise one's producer.
    waiting: Vec<Option<(Dense, From)>>,
}

impl Compiler {
    fn buffer(&mut self, value: Value, kind: Kind) -> Buffer {
        self.program.buffers.push(BufferOf { value, kind });
        Buffer(self.program.buffers.len() - 1)
    }

    fn new_map(&mut self, value: Value) -> Buffer {
        let buffer = self.buffer(value, Kind::Map);
        self.maps[value.0] = Some(buffer);
        buffer
    }

    fn new_bytes(&mut self, value: Value) -> Buffer {
        let buffer = self.buffer(value, Kind::Bytes);
        self.bytes[value.0] = Some(buffer);
        buffer
    }

    /// What a convolution has to write of its value.
    fn to(&mut self, value: Value) -> To {
        let numbers = (!self.users.only_bytes[value.0]).then(|| self.new_map(value));
        To { numbers, bytes: self.users.some_bytes[value.0].then(|| self.new_bytes(value)) }
    }

    fn push(&mut self, name: String, step: Step) {
        self.program.steps.push(step);
        self.program.names.push(name);
    }

    /// The buffer of a value's map, made now if it is not there yet.
    fn map(&mut self, value: Value) -> Buffer {
        if let Some(buffer) = self.maps[value.0] {
            return buffer;
        }
        let to = self.new_map(value);
        if let Some((from, gate)) = self.gates[value.0] {
            self.push(format!("gate {}", self.program.channels[value.0]), Step::Scale { from, gate, to });
        } else {
            debug_assert_eq!(value.0, 0, "every value but the input has its map when it is used");
            self.push("load the image".to_owned(), Step::Load { to });
        }
        to
    }

    /// The buffer of a value's bytes.
    fn bytes(&mut self, value: Value) -> Buffer {
        if let Some(buffer) = self.bytes[value.0] {
            return buffer;
        }
        let from = self.map(value);
        let to = self.new_bytes(value);
        self.push(format!("to bytes {}", self.program.channels[value.0]), Step::Round { from, to });
        to
    }

    /// The buffer of a value's sums.
    fn sums(&mut self, value: Value) -> Buffer {
        if let Some(buffer) = self.sums[value.0] {
            return buffer;
        }
        let from = self.map(value);
        let to = self.buffer(value, Kind::Sums);
        self.sums[value.0] = Some(to);
        self.push(format!("sum {}", self.program.channels[value.0]), Step::Sum { from, to });
        to
    }

    fn node(&mut self, value: Value, node: Node) {
        let name = self.names[value.0].clone();
        match node {
            Node::Input => {}
            Node::Dense { from, op, residual } => self.dense(value, name, from, op, residual),
            Node::Depthwise { from, op } => self.depthwise(value, name, from, op),
            Node::Excite { from, op } => {
                let (map, sums) = (self.map(from), self.sums(from));
                let to = self.buffer(value, Kind::Gate);
                self.gates[value.0] = Some((map, to));
                self.push(name, Step::Excite { op, sums, to });
                if !self.users.only_pointwise[value.0] {
                    self.map(value);
                }
            }
            Node::MaxPool { from, geometry } => {
                let from = self.map(from);
                let to = self.new_map(value);
                self.push(name, Step::MaxPool { from, geometry, to });
            }
            Node::Mean { from } => {
                let sums = self.sums(from);
                let to = self.new_map(value);
                self.push(name, Step::Mean { sums, to });
            }
        }
    }

    fn dense(
        &mut self,
        value: Value,
        name: String,
        from: Value,
        op: Dense,
        residual: Option<(Value, ResidualOrder)>,
    ) {
        let in_bytes = matches!(op.form, Form::Bytes { .. });
        // Its rows come in twos, with their neighbours.
        let by_rows = !matches!(op.form, Form::Winograd);
        let gated = self.gates[from.0].filter(|_| self.maps[from.0].is_none() && !in_bytes);
        let (from, gate) = match (op.source, gated) {
            (Source::Planar | Source::Interleaved, _) => (From::Image, None),
            (Source::Blocked, Some((map, gate))) => (From::Map(map), Some(gate)),
            (Source::Blocked, None) if in_bytes => (From::Map(self.bytes(from)), None),
            (Source::Blocked, None) => (From::Map(self.map(from)), None),
        };
        if self.users.only_depthwise[value.0] && residual.is_none() && gate.is_none() && by_rows {
            self.waiting[value.0] = Some((op, from));
            return;
        }
        let residual = residual.map(|(residual, order)| (self.map(residual), order));
        let to = if self.users.only_mean[value.0] && by_rows {
            let sums = self.buffer(value, Kind::Sums);
            self.sums[value.0] = Some(sums);
            To { numbers: Some(sums), bytes: None }
        } else {
            self.to(value)
        };
        self.push(name, Step::Dense { op, from, gate, residual, to });
    }

    fn depthwise(&mut self, value: Value, name: String, from: Value, op: Depthwise) {
        let (producer, name) = match self.waiting[from.0].take() {
            Some((dense, source)) => {
                (Producer::Dense { op: dense, from: source }, format!("{} + {name}", self.names[from.0]))
            }
            None => (Producer::Map(self.map(from)), name),
        };
        let to = self.to(value);
        let sums = self.users.some_mean[value.0].then(|| self.buffer(value, Kind::Sums));
        self.sums[value.0] = sums;
        self.push(name, Step::Depthwise { producer, op, to, sums });
    }
}
