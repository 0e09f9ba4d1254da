"""Every text that operators and officers read on the alarming side, in both languages: the one catalogue.

`{...}` are filled by `alerting.messages`, which lists what each text may use.
"""

from alerting.alarm import Cause, EventType
from hazards.condition import Condition, Severity
from hazards.plant import Name

__all__ = ["CAUSES", "CONDITIONS", "ENDED", "EVENTS", "HELD", "LATE", "SEVERITIES", "SWITCH", "WAS", "WITHOUT_NUMBERS"]

SEVERITIES: dict[Severity, Name] = {
    Severity.RED: Name("红色", "RED"),
    Severity.ORANGE: Name("橙色", "ORANGE"),
    Severity.YELLOW: Name("黄色", "YELLOW"),
    Severity.BLUE: Name("蓝色", "BLUE"),
}

CONDITIONS: dict[Condition, Name] = {
    Condition.LOW_LOW: Name("{kind} {value}，达到或低于 {limit}", "{kind} {value}, at or below {limit}"),
    Condition.LOW: Name("{kind} {value}，达到或低于 {limit}", "{kind} {value}, at or below {limit}"),
    Condition.HIGH: Name("{kind} {value}，达到或超过 {limit}", "{kind} {value}, at or above {limit}"),
    Condition.HIGH_HIGH: Name("{kind} {value}，达到或超过 {limit}", "{kind} {value}, at or above {limit}"),
    Condition.RATE: Name(
        "{kind} {value}，变化过快，每分钟达到或超过 {limit_per_min}",
        "{kind} {value}, changing by {limit_per_min} a minute or more",
    ),
    Condition.FROZEN: Name(
        "{kind} {value}，{frozen_after}没有变化，传感器可能卡死",
        "{kind} {value}, unchanged for {frozen_after}; the sensor may be stuck",
    ),
    Condition.NO_DATA: Name("{kind}超过{no_data_after}没有数据", "{kind}: no data for more than {no_data_after}"),
    Condition.FAULT: Name("{kind}传感器故障或超出量程", "{kind}: sensor fault or out of its range"),
}
"""What holds while the condition stands."""

WITHOUT_NUMBERS: dict[Condition, Name] = {
    Condition.RATE: Name("{kind}变化过快", "{kind} changing fast"),
    Condition.FROZEN: Name("{kind}数值没有变化，传感器可能卡死", "{kind} unchanged; the sensor may be stuck"),
    Condition.NO_DATA: Name("{kind}没有数据", "{kind}: no data"),
}
"""The same where the limit behind it is not at hand."""

HELD = Name("{kind} {value}，限值 {limit}，尚未复位", "{kind} {value}, limit {limit}, not cleared yet")
"""A limit that stands although the value is back on the good side: it clears further on, or a moment later."""

BLIND = Name("{kind}失去判断：输入未知", "{kind}: blind, its inputs are unknown")
SIGHTED = Name("{kind}恢复判断", "{kind}: its inputs are known again")
"""FAULT of a logic point: it has no sensor of its own."""

SWITCH = Name("{kind}：{state}", "{kind}: {state}")
"""The same for a point whose values have names, such as running and stopped."""

WAS: dict[Condition, Name] = {
    Condition.LOW_LOW: Name("{kind} {value}，已高于限值", "{kind} {value}, above its limit again"),
    Condition.LOW: Name("{kind} {value}，已高于限值", "{kind} {value}, above its limit again"),
    Condition.HIGH: Name("{kind} {value}，已低于限值", "{kind} {value}, below its limit again"),
    Condition.HIGH_HIGH: Name("{kind} {value}，已低于限值", "{kind} {value}, below its limit again"),
    Condition.RATE: Name("{kind} {value}，变化已恢复平缓", "{kind} {value}, no longer changing fast"),
    Condition.FROZEN: Name("{kind} {value}，数值恢复变化", "{kind} {value}, moving again"),
    Condition.NO_DATA: Name("{kind}数据已恢复", "{kind}: data are back"),
    Condition.FAULT: Name("{kind}传感器已恢复正常", "{kind}: the sensor works again"),
}
"""What holds once the condition has ended by itself."""

EVENTS: dict[EventType, Name] = {
    EventType.RAISED: Name(
        "【{severity}】{where}{what}，{since} 起{late}。{todo}", "{severity}: {where}{what}, since {since}{late}.{todo}"
    ),
    EventType.ESCALATED: Name(
        "【{severity}】升级：{where}{what}，{time} 起。{todo}",
        "{severity}, escalated: {where}{what}, since {time}.{todo}",
    ),
    EventType.DEESCALATED: Name(
        "【{severity}】降级：{where}{what}{because}，{time} 起。{todo}",
        "{severity}, stepped down: {where}{what}{because}, since {time}.{todo}",
    ),
    EventType.CLEARED: Name(
        "【解除】{where}{was}。{since} 至 {cleared}，历时{lasted}。",
        "CLEARED: {where}{was}. From {since} to {cleared}, {lasted}.",
    ),
    EventType.ACKNOWLEDGED: Name(
        "【{severity}】已确认：{where}{what}。{by} 于 {time} 确认{remark}。",
        "{severity}, acknowledged: {where}{what}. {by} took it at {time}{remark}.",
    ),
    EventType.SHELVED: Name(
        "【{severity}】已搁置：{where}{what}。{by} 搁置至 {until}{remark}。",
        "{severity}, shelved: {where}{what}. {by} shelved it until {until}{remark}.",
    ),
    EventType.UNSHELVED: Name(
        "【{severity}】取消搁置：{where}{what}{because}。{todo}",
        "{severity}, no longer shelved: {where}{what}{because}.{todo}",
    ),
    EventType.COMMENTED: Name("【{severity}】备注：{where}{by}{remark}。", "{severity}, comment: {where}{by}{remark}."),
}

CAUSES: dict[Cause, Name] = {
    Cause.CHECK_OFF: Name("该项检查已停用", "this check was switched off"),
    Cause.POINT_REMOVED: Name("该测点已移出", "the point has left the plant"),
    Cause.SHELF_ENDED: Name("搁置时间已到", "the time of shelving is over"),
    Cause.ENGINE_RESET: Name("判断状态已重建", "the engine's state was built anew"),
}

LATE = Name("（补传数据，{detected} 才收到）", " (late data, received only at {detected})")
ENDED = Name("{kind}报警结束：{because}", "{kind} alarm ended: {because}")
"""In place of `WAS` where no reading ended it."""
