//! One update of all weights: which optimiser, which of them decay, and how fast each one learns.
//!
//! RMSProp, SGD and AdamW are one pass over memory each (`rules.rs`); LAMB is Burn's. What Burn's `ModuleOptimizer` does not have is done here: a factor on the rate of every layer, and a
//! state that is saved under the tensors' names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::{DynOptimizer, DynState, GradientsParams, LambConfig, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_arch::TensorKind;
use efficientnet_model::{Network, NetworkTensor};
use efficientnet_ops::optimise::{AdamW, RmspropTf, Sgd};
use efficientnet_weights::HostTensor;

use crate::TrainError;
use crate::rules::OnePass;

/// An optimiser's rule and its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// As TensorFlow computes it: the mean square begins at one, epsilon is under the root, the rate inside the momentum.
    RmsPropTf {
        /// Decay of the mean square.
        decay: f64,
        /// Of the update.
        momentum: f64,
        /// Added to the mean square, under the root.
        epsilon: f64,
    },
    /// Stochastic gradient descent as PyTorch defines it.
    Sgd {
        /// 0 for none.
        momentum: f64,
        /// Whether the step looks ahead (Nesterov 1983, Sutskever et al. 2013).
        nesterov: bool,
    },
    /// Adam with decoupled decay (Loshchilov and Hutter 2019).
    AdamW {
        /// Decay of the first and the second moment.
        betas: [f64; 2],
        /// Added to the root of the second moment.
        epsilon: f64,
    },
    /// Layer-wise adaptive moments (You et al. 2020).
    Lamb {
        /// Decay of the first and the second moment.
        betas: [f64; 2],
        /// Added to the root of the second moment.
        epsilon: f64,
    },
}

/// How weights are updated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerOptions {
    /// The rule.
    pub rule: Rule,
    /// Weight decay: coupled (L2) for RMSProp and SGD, decoupled for AdamW and LAMB.
    pub weight_decay: f64,
    /// Whether scale and shift of normalisation decay.
    pub decay_norm: bool,
    /// Whether biases of convolutions and of the classifier decay.
    pub decay_bias: bool,
    /// Factor on the rate for each layer group further from the output; 1 for equal rates (Clark et al. 2020).
    pub layer_decay: f64,
    /// Factor on the classifier's rate.
    pub head_rate: f64,
}

impl OptimizerOptions {
    fn build(&self, weight_decay: f64) -> Arc<dyn DynOptimizer> {
        let decay = weight_decay as f32;
        // Each step brings its own.
        let learning_rate = 0.0;
        match self.rule {
            Rule::RmsPropTf { decay: mean, momentum, epsilon } => Arc::new(OnePass::RmsPropTf(RmspropTf {
                learning_rate,
                decay: mean as f32,
                momentum: momentum as f32,
                epsilon: epsilon as f32,
                weight_decay: decay,
            })),
            Rule::Sgd { momentum, nesterov } => {
                let momentum = momentum as f32;
                Arc::new(OnePass::Sgd(Sgd { learning_rate, momentum, nesterov, weight_decay: decay }))
            }
            Rule::AdamW { betas, epsilon } => {
                let (betas, epsilon) = (betas.map(|beta| beta as f32), epsilon as f32);
                Arc::new(OnePass::AdamW(AdamW { learning_rate, betas, epsilon, weight_decay: decay }))
            }
            Rule::Lamb { betas, epsilon } => Arc::new(
                LambConfig::new()
                    .with_beta_1(betas[0] as f32)
                    .with_beta_2(betas[1] as f32)
                    .with_epsilon(epsilon as f32)
                    .with_weight_decay(decay)
                    .build(),
            ),
        }
    }

    fn decays(&self, kind: TensorKind) -> bool {
        match kind {
            TensorKind::BnWeight | TensorKind::BnBias => self.decay_norm,
            TensorKind::ConvBias | TensorKind::LinearBias => self.decay_bias,
            _ => true,
        }
    }
}

/// What is particular to one tensor.
struct Member {
    name: String,
    rank: usize,
    rate: f64,
    decays: bool,
    state: Option<DynState>,
}

/// Updates a network's weights, and remembers what its rule has to.
pub struct Optimizer {
    decaying: Arc<dyn DynOptimizer>,
    plain: Arc<dyn DynOptimizer>,
    members: HashMap<ParamId, Member>,
}

/// An optimiser's memory on the host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState {
    /// Tensors by `tensor name/what`, in their names' order.
    pub tensors: Vec<(String, HostTensor)>,
    /// Numbers by the same kind of name.
    pub scalars: BTreeMap<String, f64>,
}

impl Optimizer {
    /// An optimiser without memory for this network.
    pub fn new(options: &OptimizerOptions, network: &Network) -> Self {
        let depth = network.depth();
        let member = |tensor: NetworkTensor| {
            let is_head = tensor.depth + 1 == depth;
            let distance = (depth - 1 - tensor.depth) as i32;
            let rate = options.layer_decay.powi(distance) * if is_head { options.head_rate } else { 1.0 };
            let (decays, rank) = (options.decays(tensor.spec.kind), tensor.spec.shape.len());
            (tensor.id, Member { name: tensor.spec.name(), rank, rate, decays, state: None })
        };
        let learned = network.tensors().into_iter().filter(|tensor| tensor.spec.kind.is_parameter());
        Self {
            decaying: options.build(options.weight_decay),
            plain: options.build(0.0),
            members: learned.map(member).collect(),
        }
    }

    /// One update. Tensors without a gradient stay as they are.
    pub fn step(&mut self, rate: f64, network: Network, gradients: GradientsParams) -> Network {
        network.map(&mut Update { optimizer: self, gradients, rate })
    }

    /// What a checkpoint has to keep.
    ///
    /// # Errors
    /// [`TrainError::Device`] where a device cannot give its values back.
    pub fn state(&self) -> Result<OptimizerState, TrainError> {
        let mut sink = StateSink::default();
        for member in self.members.values() {
            if let Some(state) = &member.state {
                self.rule(member).state_flatten(&member.name, state, &mut sink);
            }
        }
        let mut tensors = Vec::with_capacity(sink.tensors.len());
        for (name, data) in sink.tensors {
            let shape = data.shape().to_vec();
            let values = data.convert::<f32>().try_to_vec::<f32>().map_err(TrainError::device)?;
            tensors.push((name, HostTensor { shape, values }));
        }
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        let scalars = sink.scalars.into_iter().filter_map(|(name, value)| Some((name, number(value)?)));
        Ok(OptimizerState { tensors, scalars: scalars.collect() })
    }

    /// Takes up what [`Optimizer::state`] gave. Tensors that it does not name begin anew.
    pub fn restore(&mut self, state: OptimizerState, device: &Device) {
        let scalars = state.scalars.into_iter().map(|(name, value)| (name, (value as i64).into()));
        let mut source = StateSource::new(scalars.collect());
        for (name, tensor) in state.tensors {
            source.insert_tensor(name, TensorData::new(tensor.values, tensor.shape));
        }
        let (decaying, plain) = (Arc::clone(&self.decaying), Arc::clone(&self.plain));
        for member in self.members.values_mut() {
            let rule = if member.decays { &decaying } else { &plain };
            member.state = rule.state_unflatten(member.rank, &member.name, &mut source, device);
        }
    }

    fn rule(&self, member: &Member) -> &Arc<dyn DynOptimizer> {
        if member.decays { &self.decaying } else { &self.plain }
    }
}

/// The numbers that optimisers keep count steps.
fn number(scalar: impl TryInto<i64>) -> Option<f64> {
    scalar.try_into().ok().map(|count: i64| count as f64)
}

struct Update<'a> {
    optimizer: &'a mut Optimizer,
    gradients: GradientsParams,
    rate: f64,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let Some(mut member) = self.optimizer.members.remove(&param.id) else { return param };
        let rule = Arc::clone(self.optimizer.rule(&member));
        let (id, tensor, mapper) = param.consume();
        let tracked = tensor.is_require_grad();
        let (tensor, state) = rule.step_dyn(
            D,
            self.rate * member.rate,
            tensor.inner().into_bridge(),
            gradient.into_bridge(),
            member.state.take(),
        );
        member.state = state;
        self.optimizer.members.insert(id, member);
        let tensor = Tensor::<D>::from_inner(Tensor::from_bridge(tensor)).set_require_grad(tracked);
        Param::from_mapped_value(id, tensor, mapper)
    }
}
