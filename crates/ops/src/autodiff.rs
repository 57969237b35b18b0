//! The gradients, written by hand. A step keeps its inputs (as the checkpointing strategy says) and per-channel numbers.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};

use crate::{Activation, TrainingOps};

#[derive(Debug)]
struct Conv;

impl<B: TrainingOps> Backward<B, 2> for Conv {
    type State = (NodeId, NodeId, [usize; 4], [usize; 4], ConvOptions<2>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [for_x, for_weight] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (x, weight, x_shape, weight_shape, options) = ops.state;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        let weight: FloatTensor<B> = checkpointer.retrieve_node_output(weight);
        match (for_x, for_weight) {
            (Some(for_x), Some(for_weight)) => {
                let (dx, dw) = B::conv_gradients(x, dy, weight, options);
                grads.register::<B>(for_x.id, dx);
                grads.register::<B>(for_weight.id, dw);
            }
            (Some(node), None) => {
                grads.register::<B>(node.id, B::conv_input_gradient(dy, weight, x_shape, options))
            }
            (None, Some(node)) => {
                grads.register::<B>(node.id, B::conv_weight_gradient(x, dy, weight_shape, options))
            }
            (None, None) => {}
        }
    }
}

/// With a count: the batch's own statistics. Without: given ones.
#[derive(Debug)]
struct NormAct;

#[derive(Debug, Clone)]
struct NormState<B: TrainingOps> {
    x: NodeId,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    count: Option<FloatTensor<B>>,
    epsilon: f64,
    activation: Activation,
}

impl<B: TrainingOps> Backward<B, 3> for NormAct {
    type State = NormState<B>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let NormState { x, gamma, beta, mean, variance, count, epsilon, activation } = ops.state;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        let (dx, dgamma, dbeta) = match count {
            Some(count) => {
                B::norm_act_backward(x, dy, gamma, beta, mean, variance, count, epsilon, activation)
            }
            None => B::norm_act_frozen_backward(x, dy, gamma, beta, mean, variance, epsilon, activation),
        };
        for (node, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Silu;

impl<B: TrainingOps> Backward<B, 1> for Silu {
    type State = NodeId;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(ops.state);
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::silu_backward(x, dy));
        }
    }
}

/// What the gradients of a scaling take: `x` only where the gate has one.
#[derive(Debug)]
struct ScaleChannels;

impl<B: TrainingOps> Backward<B, 2> for ScaleChannels {
    type State = (Option<NodeId>, NodeId);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let (x, gate) = ops.state;
        let gate: FloatTensor<B> = checkpointer.retrieve_node_output(gate);
        let [for_x, for_gate] = ops.parents;
        let (dx, dgate) = match x {
            None => (B::scale_channels(dy, gate), None),
            Some(x) => {
                let (dx, dgate) = B::scale_channels_backward(checkpointer.retrieve_node_output(x), gate, dy);
                (dx, Some(dgate))
            }
        };
        if let Some(node) = for_x {
            grads.register::<B>(node.id, dx);
        }
        if let (Some(node), Some(dgate)) = (for_gate, dgate) {
            grads.register::<B>(node.id, dgate);
        }
    }
}

#[derive(Debug)]
struct SqueezeExcite;

#[derive(Debug, Clone)]
struct SqueezeState<B: TrainingOps> {
    x: NodeId,
    reduce: NodeId,
    expand: NodeId,
    mean: FloatTensor<B>,
    squeezed: FloatTensor<B>,
    gate: FloatTensor<B>,
    activation: Activation,
}

impl<B: TrainingOps> Backward<B, 5> for SqueezeExcite {
    type State = SqueezeState<B>;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let SqueezeState { x, reduce, expand, mean, squeezed, gate, activation } = ops.state;
        let [x, reduce, expand] = [x, reduce, expand].map(|node| checkpointer.retrieve_node_output(node));
        let (dx, dreduce, dreduce_bias, dexpand, dexpand_bias) =
            B::squeeze_excite_backward(x, dy, mean, squeezed, gate, reduce, expand, activation);
        let gradients = [dx, dreduce, dreduce_bias, dexpand, dexpand_bias];
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct MeanPool;

impl<B: TrainingOps> Backward<B, 1> for MeanPool {
    type State = [usize; 2];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [node] = ops.parents;
        let [height, width] = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::mean_pool_backward(dy, height, width));
        }
    }
}

#[derive(Debug)]
struct Reduce;

impl<B: TrainingOps> Backward<B, 1> for Reduce {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::sum_over_processes(dy));
        }
    }
}

impl<B: TrainingOps, C: CheckpointStrategy> TrainingOps for Autodiff<B, C> {
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        match Conv.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let shapes = (x.shape().dims(), weight.shape().dims());
                let kept = (prep.checkpoint(&x), prep.checkpoint(&weight));
                let y = B::conv(x.into_primitive(), weight.into_primitive(), options.clone());
                prep.finish((kept.0, kept.1, shapes.0, shapes.1, options), y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::conv(x.into_primitive(), weight.into_primitive(), options))
            }
        }
    }

    fn norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let mut prep = NormAct.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());
        let kept = match &mut prep {
            OpsKind::Tracked(prep) => Some(prep.checkpoint(&x)),
            OpsKind::UnTracked(_) => None,
        };
        let (y, mean, variance, count) =
            B::norm_act(x.into_primitive(), gamma.clone(), beta.clone(), epsilon, activation);
        let y = match (prep, kept) {
            (OpsKind::Tracked(prep), Some(x)) => {
                let (mean, variance, count) = (mean.clone(), variance.clone(), Some(count.clone()));
                prep.finish(NormState { x, gamma, beta, mean, variance, count, epsilon, activation }, y)
            }
            (OpsKind::UnTracked(prep), _) => prep.finish(y),
            (OpsKind::Tracked(_), None) => unreachable!("what is tracked has been kept"),
        };
        (y, Self::from_inner(mean), Self::from_inner(variance), Self::from_inner(count))
    }

    fn norm_act_frozen(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let prep = NormAct.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let [gamma, beta, mean, variance] =
            [gamma, beta, mean, variance].map(|tensor| tensor.into_primitive());
        let forward = |x| {
            let [gamma, beta, mean, variance] = [&gamma, &beta, &mean, &variance].map(Clone::clone);
            B::norm_act_frozen(x, gamma, beta, mean, variance, epsilon, activation)
        };
        match prep {
            OpsKind::Tracked(mut prep) => {
                let kept = prep.checkpoint(&x);
                let y = forward(x.into_primitive());
                let state =
                    NormState { x: kept, gamma, beta, mean, variance, count: None, epsilon, activation };
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(forward(x.into_primitive())),
        }
    }

    fn silu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match Silu.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = prep.checkpoint(&x);
                prep.finish(kept, B::silu(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::silu(x.into_primitive())),
        }
    }

    fn scale_channels(x: FloatTensor<Self>, gate: FloatTensor<Self>) -> FloatTensor<Self> {
        match ScaleChannels.prepare::<C>([x.node(), gate.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = gate.is_tracked().then(|| prep.checkpoint(&x));
                let state = (kept, prep.checkpoint(&gate));
                prep.finish(state, B::scale_channels(x.into_primitive(), gate.into_primitive()))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::scale_channels(x.into_primitive(), gate.into_primitive()))
            }
        }
    }

    fn mean_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let [.., height, width] = x.shape().dims::<4>();
        match MeanPool.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([height, width], B::mean_pool(x.into_primitive())),
            OpsKind::UnTracked(prep) => prep.finish(B::mean_pool(x.into_primitive())),
        }
    }

    fn squeeze_excite(
        x: FloatTensor<Self>,
        reduce: FloatTensor<Self>,
        reduce_bias: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), reduce.node(), reduce_bias.node(), expand.node(), expand_bias.node()];
        let mut prep = SqueezeExcite.prepare::<C>(nodes).compute_bound().stateful();
        let kept = match &mut prep {
            OpsKind::Tracked(prep) => Some([&x, &reduce, &expand].map(|tensor| prep.checkpoint(tensor))),
            OpsKind::UnTracked(_) => None,
        };
        let [reduce, reduce_bias, expand, expand_bias] =
            [reduce, reduce_bias, expand, expand_bias].map(|tensor| tensor.into_primitive());
        let (y, mean, squeezed, gate) =
            B::squeeze_excite(x.into_primitive(), reduce, reduce_bias, expand, expand_bias, activation);
        let inside = [&mean, &squeezed, &gate].map(|tensor| Self::from_inner(tensor.clone()));
        let y = match (prep, kept) {
            (OpsKind::Tracked(prep), Some([x, reduce, expand])) => {
                prep.finish(SqueezeState { x, reduce, expand, mean, squeezed, gate, activation }, y)
            }
            (OpsKind::UnTracked(prep), _) => prep.finish(y),
            (OpsKind::Tracked(_), None) => unreachable!("what is tracked has been kept"),
        };
        let [mean, squeezed, gate] = inside;
        (y, mean, squeezed, gate)
    }

    fn sum_over_processes(values: FloatTensor<Self>) -> FloatTensor<Self> {
        let prep = Reduce.prepare::<C>([values.node()]).compute_bound();
        prep.stateless(B::sum_over_processes(values.into_primitive()))
    }
}
