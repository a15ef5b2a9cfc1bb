//! The functions of a [guarded](super::guard) instance: most go to the framework as they come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ::vst3::Class;
use ::vst3::Steinberg::Vst::ChannelContext::{IInfoListener, IInfoListenerTrait};
use ::vst3::Steinberg::Vst::{
    BusDirection, BusInfo, CString, CtrlNumber, IAttributeList, IAudioProcessor,
    IAudioProcessorTrait, IComponent, IComponentHandler, IComponentTrait, IEditController,
    IEditControllerTrait, IMidiMapping, IMidiMappingTrait, INoteExpressionController,
    INoteExpressionControllerTrait, IProcessContextRequirements, IProcessContextRequirementsTrait,
    IUnitInfo, IUnitInfoTrait, IoMode, MediaType, NoteExpressionTypeID, NoteExpressionTypeInfo,
    NoteExpressionValue, ParamID, ParamValue, ParameterInfo, ProcessData, ProcessSetup,
    ProgramListID, ProgramListInfo, RoutingInfo, SpeakerArrangement, String128, TChar, UnitID,
    UnitInfo,
};
use ::vst3::Steinberg::{
    FIDString, FUnknown, IBStream, IPlugView, IPluginBaseTrait, TBool, TUID, int16, int32,
    kInvalidArgument, kResultFalse, tresult, uint32,
};
use nice_plug::wrapper::vst3::{Vst3Plugin, Wrapper};

use super::guard::Guarded;

impl<P: Vst3Plugin> Class for Guarded<P> {
    type Interfaces = (
        IComponent,
        IEditController,
        IAudioProcessor,
        IMidiMapping,
        INoteExpressionController,
        IProcessContextRequirements,
        IUnitInfo,
        IInfoListener,
    );
}

/// Functions of an interface that go to the framework; those without an answer of their own answer with a `tresult`.
macro_rules! pass_on {
    ($interface:ident: $($name:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?;)*) => {
        $(unsafe fn $name(&self, $($argument: $kind),*) -> pass_on!(@answer $($answer)?) {
            // SAFETY: what the host says is passed on as it is.
            unsafe { <Wrapper<P> as $interface>::$name(&self.inner, $($argument),*) }
        })*
    };
    (@answer) => { tresult };
    (@answer $answer:ty) => { $answer };
}

impl<P: Vst3Plugin> IPluginBaseTrait for Guarded<P> {
    pass_on! { IPluginBaseTrait:
        initialize(context: *mut FUnknown);
        terminate();
    }
}

impl<P: Vst3Plugin> IComponentTrait for Guarded<P> {
    pass_on! { IComponentTrait:
        getControllerClassId(class: *mut TUID);
        setIoMode(mode: IoMode);
        getBusCount(media: MediaType, direction: BusDirection) -> int32;
        getRoutingInfo(from: *mut RoutingInfo, to: *mut RoutingInfo);
        activateBus(media: MediaType, direction: BusDirection, index: int32, state: TBool);
    }

    unsafe fn setState(&self, state: *mut IBStream) -> tresult {
        // SAFETY: the host passes a stream, or null.
        unsafe { self.load(state) }
    }

    unsafe fn getState(&self, state: *mut IBStream) -> tresult {
        // SAFETY: as above.
        unsafe { self.save(state) }
    }

    unsafe fn getBusInfo(
        &self,
        media: MediaType,
        direction: BusDirection,
        index: int32,
        info: *mut BusInfo,
    ) -> tresult {
        if index < 0 {
            return kInvalidArgument;
        }
        // SAFETY: the host has room for the answer.
        unsafe { self.inner.getBusInfo(media, direction, index, info) }
    }

    unsafe fn setActive(&self, state: TBool) -> tresult {
        // SAFETY: the host calls on its main thread.
        unsafe { self.set_active(state) }
    }
}

impl<P: Vst3Plugin> IAudioProcessorTrait for Guarded<P> {
    pass_on! { IAudioProcessorTrait:
        canProcessSampleSize(size: int32);
        getLatencySamples() -> uint32;
        setProcessing(state: TBool);
        getTailSamples() -> uint32;
    }

    unsafe fn setBusArrangements(
        &self,
        inputs: *mut SpeakerArrangement,
        ins: int32,
        outputs: *mut SpeakerArrangement,
        outs: int32,
    ) -> tresult {
        // SAFETY: the host passes as many as it says.
        unsafe { self.arrange((inputs, ins), (outputs, outs)) }
    }

    unsafe fn getBusArrangement(
        &self,
        direction: BusDirection,
        index: int32,
        arrangement: *mut SpeakerArrangement,
    ) -> tresult {
        if index < 0 {
            return kInvalidArgument;
        }
        // SAFETY: the host has room for the answer.
        unsafe { self.inner.getBusArrangement(direction, index, arrangement) }
    }

    unsafe fn setupProcessing(&self, setup: *mut ProcessSetup) -> tresult {
        // SAFETY: the host passes a setup.
        unsafe { self.set_up(setup) }
    }

    unsafe fn process(&self, data: *mut ProcessData) -> tresult {
        // SAFETY: the host passes a block with as much memory as it says.
        unsafe { self.process_block(data) }
    }
}

impl<P: Vst3Plugin> IEditControllerTrait for Guarded<P> {
    pass_on! { IEditControllerTrait:
        setComponentState(state: *mut IBStream);
        setState(state: *mut IBStream);
        getState(state: *mut IBStream);
        getParameterCount() -> int32;
        getParamStringByValue(id: ParamID, value: ParamValue, text: *mut String128);
        getParamValueByString(id: ParamID, text: *mut TChar, value: *mut ParamValue);
        normalizedParamToPlain(id: ParamID, value: ParamValue) -> ParamValue;
        plainParamToNormalized(id: ParamID, value: ParamValue) -> ParamValue;
        getParamNormalized(id: ParamID) -> ParamValue;
        setParamNormalized(id: ParamID, value: ParamValue);
        createView(name: FIDString) -> *mut IPlugView;
    }

    /// The framework panics while a thread of its own talks to the handler before.
    unsafe fn setComponentHandler(&self, handler: *mut IComponentHandler) -> tresult {
        // SAFETY: the host passes a handler, or null.
        let set = || unsafe { self.inner.setComponentHandler(handler) };
        for _ in 0..PATIENCE {
            if let Ok(result) = catch_unwind(AssertUnwindSafe(set)) {
                return result;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        kResultFalse
    }

    unsafe fn getParameterInfo(&self, index: int32, info: *mut ParameterInfo) -> tresult {
        // SAFETY: the host may ask at any time, and has room for the answer.
        unsafe {
            if index < 0 || index >= self.inner.getParameterCount() {
                return kInvalidArgument;
            }
            self.inner.getParameterInfo(index, info)
        }
    }
}

impl<P: Vst3Plugin> IMidiMappingTrait for Guarded<P> {
    pass_on! { IMidiMappingTrait:
        getMidiControllerAssignment(bus: int32, channel: int16, controller: CtrlNumber, id: *mut ParamID);
    }
}

impl<P: Vst3Plugin> INoteExpressionControllerTrait for Guarded<P> {
    pass_on! { INoteExpressionControllerTrait:
        getNoteExpressionCount(bus: int32, channel: int16) -> int32;
        getNoteExpressionInfo(bus: int32, channel: int16, index: int32, info: *mut NoteExpressionTypeInfo);
        getNoteExpressionStringByValue(bus: int32, channel: int16, id: NoteExpressionTypeID, value: NoteExpressionValue, text: *mut String128);
        getNoteExpressionValueByString(bus: int32, channel: int16, id: NoteExpressionTypeID, text: *const TChar, value: *mut NoteExpressionValue);
    }
}

impl<P: Vst3Plugin> IProcessContextRequirementsTrait for Guarded<P> {
    pass_on! { IProcessContextRequirementsTrait:
        getProcessContextRequirements() -> uint32;
    }
}

impl<P: Vst3Plugin> IUnitInfoTrait for Guarded<P> {
    pass_on! { IUnitInfoTrait:
        getUnitCount() -> int32;
        getUnitInfo(index: int32, info: *mut UnitInfo);
        getProgramListCount() -> int32;
        getProgramListInfo(index: int32, info: *mut ProgramListInfo);
        getProgramName(list: ProgramListID, program: int32, name: *mut String128);
        getProgramInfo(list: ProgramListID, program: int32, attribute: CString, value: *mut String128);
        hasProgramPitchNames(list: ProgramListID, program: int32);
        getProgramPitchName(list: ProgramListID, program: int32, pitch: int16, name: *mut String128);
        getSelectedUnit() -> UnitID;
        selectUnit(unit: UnitID);
        getUnitByBus(media: MediaType, direction: BusDirection, bus: int32, channel: int32, unit: *mut UnitID);
        setUnitProgramData(unit: int32, program: int32, data: *mut IBStream);
    }
}

impl<P: Vst3Plugin> IInfoListenerTrait for Guarded<P> {
    pass_on! { IInfoListenerTrait:
        setChannelContextInfos(list: *mut IAttributeList);
    }
}

/// How often it is tried to give the framework another handler.
const PATIENCE: usize = 500;
