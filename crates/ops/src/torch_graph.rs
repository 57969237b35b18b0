//! A region of Burn's graph that LibTorch records and differentiates.
//!
//! ATen's gradients are reached through its autograd alone. An operation of Burn's graph by itself would have to run its
//! forward a second time on the way back, only to have a graph of one node. So LibTorch records a whole network at once:
//!
//! - on the way in, each tensor with a gradient (the parameters, perhaps the images) becomes a leaf of LibTorch's graph, with
//!   the same memory. Inside, tensors are on the same device with autodiff, so that layers know that they train, but none of
//!   them has a gradient in Burn's eyes, which keeps nothing;
//! - on the way out, the result gets one node of Burn's graph for each of those tensors, in a row, since a node's number of
//!   parents is part of its type. Each passes its gradient on as it is, and the first that is reached has LibTorch
//!   compute the gradients of all leaves, of which each node then takes its own.
//!
//! So nothing changes for whoever calls `backward`, and any loss on the result will do. LibTorch's graph and what it keeps for its
//! gradients live as long as those nodes: until `backward` has come through, or Burn finds that nobody can call it any more.
//! LibTorch counts what is written in place, and refuses to differentiate where a value that it needs was overwritten.

// Burn's next release leaves `tch` behind.
#![allow(deprecated)]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::libtorch::TchTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, DispatchDevice, GradientCheckpointingStrategy, LibTorch};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use crate::{is_fused, norm_sync};

type Torch = Autodiff<LibTorch>;

/// Whether a region that begins with `x` is LibTorch's to record.
pub(crate) fn serves<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    let DispatchDevice::Autodiff(device) = device.as_dispatch() else { return false };
    let keeps_all = device.gradient_checkpointing_strategy() == GradientCheckpointingStrategy::Disabled;
    keeps_all && matches!(&**device, DispatchDevice::LibTorch(_)) && is_fused(x) && !norm_sync::is_set()
}

/// Runs `forward` inside of a region.
pub(crate) fn record<M: Module, const D: usize, const E: usize>(
    module: &M,
    x: Tensor<D>,
    forward: impl FnOnce(&M, Tensor<D>) -> Tensor<E>,
) -> Tensor<E> {
    let mut entrance = Entrance::default();
    let x = entrance.enter(x);
    let inside = module.clone().map(&mut entrance);
    let y = forward(&inside, x);
    entrance.leave(y)
}

/// The tensors with gradients that have come in: Burn's, and LibTorch's leaves for them.
#[derive(Default)]
struct Entrance {
    outside: Vec<FloatTensor<Torch>>,
    leaves: Vec<TchTensor>,
}

impl Entrance {
    fn enter<const D: usize>(&mut self, tensor: Tensor<D>) -> Tensor<D> {
        let tracked = tensor.clone().try_into_primitive::<Torch>().ok().filter(|tensor| tensor.is_tracked());
        let Some(outside) = tracked else { return tensor };
        let TchTensor { tensor, storage } = outside.primitive();
        // With the same storage, so that it counts as held by more than one and is never written to.
        let leaf = TchTensor { tensor: tensor.detach().set_requires_grad(true), storage: storage.clone() };
        self.outside.push(outside);
        self.leaves.push(leaf.clone());
        Tensor::from_primitive::<Torch>(Torch::from_inner(leaf))
    }

    fn leave<const D: usize>(self, y: Tensor<D>) -> Tensor<D> {
        let Ok(inside) = y.clone().try_into_primitive::<Torch>() else { return y };
        assert!(
            !inside.is_tracked(),
            "a region reaches tensors with gradients through its module and input alone"
        );
        if !inside.primitive().tensor.requires_grad() {
            return y;
        }
        let y = inside.into_primitive();
        // Who holds the result does not hold the graph.
        let result = TchTensor { tensor: y.tensor.detach(), storage: y.storage.clone() };
        let graph = Graph(Arc::new(Mutex::new(Stage::Recorded { y, leaves: self.leaves })));
        let mut result = Torch::from_inner(result);
        for (leaf, outside) in self.outside.iter().enumerate() {
            let parents = [result.node(), outside.node()];
            result = match Attach.prepare::<NoCheckpointing>(parents).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish((graph.clone(), leaf), result.into_primitive()),
                OpsKind::UnTracked(prep) => prep.finish(result.into_primitive()),
            };
        }
        Tensor::from_primitive::<Torch>(result)
    }
}

/// Parameters come in. Running statistics have no gradient and stay the module's own, so that they move as anywhere else.
impl ModuleMapper for Entrance {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, self.enter(tensor), mapper)
    }
}

/// What LibTorch has recorded, shared by the nodes that stand for it in Burn's graph.
#[derive(Debug, Clone)]
struct Graph(Arc<Mutex<Stage>>);

#[derive(Debug)]
enum Stage {
    Recorded {
        y: TchTensor,
        leaves: Vec<TchTensor>,
    },
    /// Each gradient until it is taken; none where a leaf had no part in the result.
    Differentiated(Vec<Option<tch::Tensor>>),
}

impl Graph {
    /// The gradient of the sum of `y dy` for a leaf, once.
    fn gradient(&self, leaf: usize, dy: &TchTensor) -> Option<TchTensor> {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Recorded { y, leaves } = &*stage {
            let product = (&y.tensor * &dy.tensor).sum(y.tensor.kind());
            let leaves: Vec<_> = leaves.iter().map(|leaf| &leaf.tensor).collect();
            let gradients = tch::Tensor::run_backward(&[product], &leaves, false, false);
            // Two leaves may have been given the same memory, and whoever takes a gradient may write to it.
            let mut seen = HashSet::new();
            let apart = gradients.into_iter().map(|gradient| match gradient.defined() {
                true if seen.insert(gradient.data_ptr()) => Some(gradient),
                true => Some(gradient.copy()),
                false => None,
            });
            *stage = Stage::Differentiated(apart.collect());
        }
        match &mut *stage {
            Stage::Differentiated(gradients) => {
                let gradient = gradients.get_mut(leaf).and_then(Option::take);
                gradient.map(|gradient| TchTensor::new(gradient.contiguous()))
            }
            Stage::Recorded { .. } => None,
        }
    }
}

/// A node of Burn's graph with two parents: what the region gave, which goes through unchanged, and a tensor that came in.
#[derive(Debug)]
struct Attach;

impl Backward<LibTorch, 2> for Attach {
    type State = (Graph, usize);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<LibTorch>(&ops.node);
        let [through, outside] = ops.parents;
        let (graph, leaf) = ops.state;
        if let Some(node) = outside
            && let Some(gradient) = graph.gradient(leaf, &dy)
        {
            grads.register::<LibTorch>(node.id, gradient);
        }
        if let Some(node) = through {
            grads.register::<LibTorch>(node.id, dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::in_region;

    fn device() -> Device {
        efficientnet_backend::device("tch").unwrap().autodiff()
    }

    fn start(device: &Device) -> (Linear, Tensor<2>) {
        let x = Tensor::random([3, 4], Distribution::Default, device);
        (LinearConfig::new(4, 2).init(device), x)
    }

    fn whole(module: &Linear, x: Tensor<2>) -> Tensor<2> {
        in_region(module, x, |module: &Linear, x| module.forward(x).tanh())
    }

    /// How many tensors share a parameter's memory: those of a graph among them.
    fn holders(module: &Linear) -> usize {
        let weight = module.weight.val().try_into_primitive::<Torch>().unwrap();
        Arc::strong_count(weight.primitive().storage.buffer_ref()) - 1
    }

    #[test]
    fn gradients_are_those_of_burn() {
        let device = device();
        let (module, x) = start(&device);
        let x = x.require_grad();
        let upstream: Tensor<2> = Tensor::random([3, 2], Distribution::Default, &device);
        let pass = |y: Tensor<2>| {
            let gradients = (y * upstream.clone()).sum().backward();
            let bias = module.bias.as_ref().unwrap().val();
            let found = [x.grad(&gradients), module.weight.val().grad(&gradients)];
            (found.map(Option::unwrap), bias.grad(&gradients).unwrap())
        };
        let (found, found_bias) = pass(whole(&module, x.clone()));
        let (expected, expected_bias) = pass(module.forward(x.clone()).tanh());
        for (found, expected) in found.into_iter().zip(expected) {
            found.into_data().assert_approx_eq::<f32>(&expected.into_data(), Default::default());
        }
        found_bias.into_data().assert_approx_eq::<f32>(&expected_bias.into_data(), Default::default());
    }

    #[test]
    fn a_graph_ends_with_its_backward_pass_or_with_the_next() {
        let device = device();
        let (module, x) = start(&device);
        let alone = holders(&module);
        let y = whole(&module, x.clone());
        assert!(holders(&module) > alone);
        let gradients = y.clone().sum().backward();
        assert_eq!(holders(&module), alone, "the result holds the graph");
        drop((y, gradients));

        drop(whole(&module, x.clone()));
        // Burn looks for what nobody can reach any more when it goes backwards.
        let _ = whole(&module, x).sum().backward();
        assert_eq!(holders(&module), alone, "what was dropped is still there");
    }

    #[test]
    fn a_graph_serves_once() {
        let device = device();
        let (module, x) = start(&device);
        let y = whole(&module, x);
        let again = y.clone().mean();
        let _ = y.sum().backward();
        let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| again.backward()));
        assert!(again.is_err(), "a second backward pass through the same graph");
    }

    #[test]
    fn only_what_is_tracked_gets_a_gradient() {
        let device = device();
        let (module, x) = start(&device);
        let mut module = module;
        module.weight = module.weight.set_require_grad(false);
        let gradients = whole(&module, x.clone()).sum().backward();
        assert!(module.weight.val().grad(&gradients).is_none());
        assert!(module.bias.as_ref().unwrap().val().grad(&gradients).is_some());
        assert!(!whole(&module.no_grad(), x).is_require_grad());
    }

    #[test]
    fn other_ways_stay_as_they_are() {
        let device = device();
        let on = |device: &Device| serves(&Tensor::<2>::zeros([1, 1], device));
        assert!(on(&device));
        let plain = efficientnet_backend::device("tch").unwrap();
        assert!(!on(&plain), "without autodiff");
        assert!(!on(&plain.autodiff().gradient_checkpointing()), "with checkpointing");
        assert!(!on(&efficientnet_backend::device("flex").unwrap().autodiff()), "another backend");
        let half = Tensor::<2>::zeros([1, 1], &device).cast(burn::tensor::DType::BF16);
        assert!(!serves(&half), "16 bits");
    }
}
