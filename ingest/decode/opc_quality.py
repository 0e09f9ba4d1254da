"""Quality codes of OPC and of other formats, as hazmon's `Quality`."""

from hazards.quality import Quality

__all__ = ["from_opc_classic", "from_opc_ua"]

_OUT_OF_SERVICE = 28


def from_opc_classic(code: int) -> Quality:
    """Quality of a classic OPC byte QQSSSSLL (OPC DA, ``192`` is good); vendor bits above the byte are ignored.

    Uncertain and bad keep their word, whatever the substatus; bad for being out of service (28) is MAINTENANCE. The
    reserved QQ = 10 is UNCERTAIN: a value that someone sent is not thrown away for a code that nobody defined.

    Examples
    --------
    >>> from_opc_classic(192).name, from_opc_classic(80).name, from_opc_classic(24).name, from_opc_classic(28).name
    ('GOOD', 'UNCERTAIN', 'BAD', 'MAINTENANCE')
    """
    major = code >> 6 & 0b11
    if major == 0b11:
        return Quality.GOOD
    if major:
        return Quality.UNCERTAIN
    return Quality.MAINTENANCE if code & 0b1111_1100 == _OUT_OF_SERVICE else Quality.BAD


def from_opc_ua(code: int) -> Quality:
    """Quality of an OPC UA StatusCode: its top two bits are the severity (OPC UA Part 4, 7.39); 11 is BAD.

    Examples
    --------
    >>> from_opc_ua(0).name, from_opc_ua(0x40920000).name, from_opc_ua(0x80050000).name
    ('GOOD', 'UNCERTAIN', 'BAD')
    """
    severity = code >> 30 & 0b11
    if severity == 0:
        return Quality.GOOD
    return Quality.UNCERTAIN if severity == 1 else Quality.BAD
