"""The formats of vendors: each is recognised by itself, imported, and run.

Rule: every declaration has a sample here, in the vendor's form with invented prices, which goes
through the import, a file and a backtest; what was taken is said.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from support.pages import page, rows_under

from glowback_trio import BacktestRequest, backtest
from glowback_trio.data import Catalogue
from glowback_trio.data.tools import (
    VENDORS,
    ImportedPrices,
    ImportOptions,
    factors_path,
    merged,
    read_prices,
    target_path,
    write_factors_file,
    write_prices,
)
from glowback_trio.data.tools.formats.numbers import BadCellError, decimal_mark, read_numbers
from glowback_trio.errors import DataError

DAYS = np.array(
    ["2023-03-27", "2023-03-28", "2023-03-29", "2023-03-30", "2023-03-31", "2023-04-03"]
)
#: open, high, low, close of each day.
BARS = [
    (1110.5, 1113.25, 1109.75, 1112.5),
    (1112.5, 1113.5, 1109.25, 1109.5),
    (1109.5, 1110.25, 1109.0, 1110.0),
    (1110.0, 1110.5, 1108.75, 1109.25),
    (1109.25, 1114.0, 1109.0, 1113.75),
    (1113.75, 1115.5, 1113.25, 1115.0),
]
CLOSES = [bar[3] for bar in BARS]
VOLUMES = [2_300_000, 1_500_000, 900_000, 4_000_000, 1_250_000, 760_000]
ROWS = [(str(day), *bar, volume) for day, bar, volume in zip(DAYS, BARS, VOLUMES, strict=True)]

Row = tuple[str, float, float, float, float, int]


def lines(header: str, row: Callable[..., str], *, newest_first: bool = False) -> str:
    written = [row(*each) for each in ROWS]
    head = [header] if header else []
    return "\n".join([*head, *(reversed(written) if newest_first else written)]) + "\n"


def us(day: str) -> str:
    year, month, date = day.split("-")
    return f"{month}/{date}/{year}"


def german(day: str) -> str:
    return ".".join(reversed(day.split("-")))


def count(day: str, zeros: int, hour: int = 0) -> int:
    seconds = int(np.datetime64(day, "s").astype(np.int64)) + 3600 * hour
    return int(seconds * 10**zeros)


def comma(number: float) -> str:
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


def stacked() -> str:
    fields = ["Close", "High", "Low", "Open", "Volume"]
    head = [
        "Price," + ",".join(field for field in fields for _ in "AB"),
        "Ticker," + "ACME,OTHER," * 4 + "ACME,OTHER",
        "Date" + "," * 10,
    ]
    rows = [f"{d},{c},,{h},,{low},,{o},,{v}," for d, o, h, low, c, v in ROWS[:3]]
    both = [f"{d},{c},{c},{h},{h},{low},{low},{o},{o},{v},{v}" for d, o, h, low, c, v in ROWS[3:]]
    return "\n".join([*head, *rows, *both]) + "\n"


#: Format -> the file's name, its text, and the symbol that is found.
SAMPLES: dict[str, tuple[str, str, str]] = {
    "yfinance": (
        "SAP.DE.csv",
        lines(
            "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
            lambda d, o, h, low, c, v: f"{d} 00:00:00+02:00,{o},{h},{low},{c},{v},0.0,0.0",
        ),
        "SAP.DE",
    ),
    "yfinance-unadjusted": (
        "ACME.csv",
        lines(
            "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits",
            lambda d, o, h, low, c, v: f"{d} 00:00:00-04:00,{o},{h},{low},{c},{c / 2},{v},0.0,0.0",
        ),
        "ACME",
    ),
    "yfinance-download": ("prices.csv", stacked(), "ACME"),
    "yahoo": (
        "ACME.csv",
        lines(
            "Date,Open,High,Low,Close,Adj Close,Volume",
            lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{c / 2},{v}",
        )
        + "2023-04-04,null,null,null,null,null,null\n",
        "ACME",
    ),
    "stooq-bulk": (
        "acme.us.txt",
        lines(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            lambda d, o, h, low, c, v: (
                f"ACME.US,D,{d.replace('-', '')},000000,{o},{h},{low},{c},{v},0"
            ),
        ),
        "ACME.US",
    ),
    "stooq-intraday": (
        "acme.us_60_m.csv",
        lines(
            "Date,Time,Open,High,Low,Close,Volume",
            lambda d, o, h, low, c, v: f"{d},15:30:00,{o},{h},{low},{c},{v}",
        ),
        "acme.us",
    ),
    "stooq": (
        "acme_us_d.csv",
        lines(
            "Date,Open,High,Low,Close,Volume",
            lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{v}",
        ),
        "acme_us",
    ),
    "nasdaq": (
        "ACME.csv",
        lines(
            "Date,Close/Last,Volume,Open,High,Low",
            lambda d, o, h, low, c, v: f"{us(d)},${c},{v},${o},${h},${low}",
            newest_first=True,
        ),
        "ACME",
    ),
    "investing": (
        "ACME Historical Data.csv",
        "\ufeff"
        + lines(
            '"Date","Price","Open","High","Low","Vol.","Change %"',
            lambda d, o, h, low, c, v: (
                f'"{us(d)}","{c:,.2f}","{o:,.2f}","{h:,.2f}","{low:,.2f}","{v / 1e6}M","0.37%"'
            ),
            newest_first=True,
        ),
        "ACME",
    ),
    "investing-german": (
        "ACME Historische Daten.csv",
        lines(
            '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
            lambda d, o, h, low, c, v: (
                f'"{german(d)}","{comma(c)}","{comma(o)}","{comma(h)}","{comma(low)}",'
                f'"{comma(v / 1e6)}M","0,37%"'
            ),
            newest_first=True,
        ),
        "ACME",
    ),
    "binance": (
        "BTCUSDT-1d-2023-03.csv",
        lines(
            "",
            lambda d, o, h, low, c, v: (
                f"{count(d, 3 if d < '2023-03-30' else 6)},{o},{h},{low},{c},{v},"
                f"{count(d, 3, 23)},1180.25,300,6.1,570.5,0"
            ),
        ),
        "BTCUSDT",
    ),
    "kraken": (
        "XBTUSD_1440.csv",
        lines("", lambda d, o, h, low, c, v: f"{count(d, 0)},{o},{h},{low},{c},{v},77"),
        "XBTUSD",
    ),
    "coinbase": (
        "BTC-USD.csv",
        lines("", lambda d, o, h, low, c, v: f"{count(d, 0)},{low},{h},{o},{c},{v}"),
        "BTC-USD",
    ),
    "cryptodatadownload": (
        "Binance_BTCUSDT_d.csv",
        "https://www.CryptoDataDownload.com\n"
        + lines(
            "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount",
            lambda d, o, h, low, c, v: (
                f"{count(d, 3)},{d} 00:00:00,BTC/USDT,{o},{h},{low},{c},{v},{v * c},9"
            ),
            newest_first=True,
        ),
        "BTC/USDT",
    ),
    "metatrader5": (
        "EURUSD_Daily_202303270000_202304030000.csv",
        lines(
            "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
            lambda d, o, h, low, c, v: f"{d.replace('-', '.')}\t{o}\t{h}\t{low}\t{c}\t{v}\t0\t2",
        ),
        "EURUSD",
    ),
    "histdata": (
        "DAT_ASCII_EURUSD_M1_2023.csv",
        lines(
            "",
            lambda d, o, h, low, c, v: f"{d.replace('-', '')} 000000;{o};{h};{low};{c};{v}",
        ),
        "EURUSD",
    ),
    "histdata-metatrader": (
        "DAT_MT_EURUSD_M1_2023.csv",
        lines(
            "",
            lambda d, o, h, low, c, v: f"{d.replace('-', '.')},00:00,{o},{h},{low},{c},{v}",
        ),
        "EURUSD",
    ),
    "metatrader4": (
        "EURUSD1440.csv",
        lines(
            "",
            lambda d, o, h, low, c, v: f"{d.replace('-', '.')},00:00,{o},{h},{low},{c},{v}",
        ),
        "EURUSD",
    ),
    "alpha-vantage-adjusted": (
        "daily_adjusted_ACME.csv",
        lines(
            "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
            lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{c / 2},{v},0.0000,1.0",
            newest_first=True,
        ),
        "ACME",
    ),
    "alpha-vantage": (
        "daily_ACME.csv",
        lines(
            "timestamp,open,high,low,close,volume",
            lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{v}",
            newest_first=True,
        ),
        "ACME",
    ),
    "tiingo": (
        "ACME.csv",
        lines(
            "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,"
            "divCash,splitFactor",
            lambda d, o, h, low, c, v: (
                f"{d}T00:00:00.000Z,{c},{h},{low},{o},{v},{c / 2},{h / 2},{low / 2},{o / 2},"
                f"{v},0.0,1.0"
            ),
        ),
        "ACME",
    ),
    "polygon": (
        "2023.csv",
        lines(
            "ticker,volume,open,close,high,low,window_start,transactions",
            # Midnight in New York.
            lambda d, o, h, low, c, v: f"ACME,{v},{o},{c},{h},{low},{count(d, 9, 4)},62",
        ),
        "ACME",
    ),
    "dukascopy": (
        "EURUSD_Candlestick_1_D_BID_27.03.2023-03.04.2023.csv",
        lines(
            "Gmt time,Open,High,Low,Close,Volume",
            lambda d, o, h, low, c, v: f"{german(d)} 00:00:00.000,{o},{h},{low},{c},{v}",
        ),
        "EURUSD",
    ),
    "dukascopy-local": (
        "EURUSD_Candlestick_1_D_BID_27.03.2023-03.04.2023.csv",
        lines(
            "Local time,Open,High,Low,Close,Volume",
            lambda d, o, h, low, c, v: f"{german(d)} 00:00:00.000 GMT+0200,{o},{h},{low},{c},{v}",
        ),
        "EURUSD",
    ),
    "firstrate": (
        "ACME_full_1day_adjsplit.txt",
        lines("", lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{v}"),
        "ACME",
    ),
    "plain": (
        "ACME.csv",
        lines(
            ",Open,High,Low,Close,Volume",
            lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{v}",
        ),
        "ACME",
    ),
}


def imported(path: Path, **options: object) -> Sequence[ImportedPrices]:
    return merged(read_prices(path, ImportOptions(**options)))  # type: ignore[arg-type]  # any option


def sample(folder: Path, name: str) -> Path:
    path = folder / SAMPLES[name][0]
    path.write_text(SAMPLES[name][1], encoding="utf-8")
    return path


def test_every_format_has_a_sample() -> None:
    assert SAMPLES.keys() == {vendor.name for vendor in VENDORS}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_is_recognised_imported_and_run(tmp_path: Path, name: str) -> None:
    prices = imported(sample(tmp_path, name))[0]
    assert prices.format == name
    bars, symbol = prices.bars, SAMPLES[name][2]
    assert bars.symbol == symbol
    assert prices.quality.critical == prices.quality.warnings == ()
    assert bars.time.astype("M8[D]").astype(str).tolist() == DAYS.tolist()
    columns = (bars.open, bars.high, bars.low, bars.close)
    assert [tuple(row) for row in np.transpose(columns).tolist()] == BARS
    assert bars.volume.tolist() == VOLUMES
    assert prices.resolution == "day"
    data = tmp_path / "data"
    write_prices(target_path(data, symbol, "day", "csv"), bars, is_local=prices.is_local)
    request = BacktestRequest(symbols=symbol, start_date="2023-03-27", end_date="2023-04-03")
    loaded = Catalogue(data).load(request)
    assert loaded.bars[0].digest() == bars.digest()
    run = backtest(request, loaded.bars)
    fill = run.trades.price[0]
    assert (len(run.curve.time), fill) == (6, BARS[1][0])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_named_format_reads_what_it_is_recognised_by(tmp_path: Path, name: str) -> None:
    [prices, *_] = imported(sample(tmp_path, name), format=name.upper(), symbol=None)
    assert prices.format == name
    assert prices.bars.close.tolist() == CLOSES


def test_an_unknown_format_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no format is called 'binanse'; did you mean 'binance', "):
        imported(sample(tmp_path, "binance"), format="binanse")


def test_the_page_lists_every_format_as_it_is_declared() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows_under(page("docs/data.md"), "Formats")}
    assert listed == {vendor.name: vendor.title for vendor in VENDORS}


COMPRESSED: dict[str, Callable[[Path, bytes], object]] = {
    ".gz": lambda path, content: path.write_bytes(gzip.compress(content)),
    ".bz2": lambda path, content: path.write_bytes(bz2.compress(content)),
    ".xz": lambda path, content: path.write_bytes(lzma.compress(content)),
    ".zip": lambda path, content: zipfile.ZipFile(path, "w").writestr("ACME.csv", content),
}


@pytest.mark.parametrize("ending", COMPRESSED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_compression_and_encoding_are_found_by_content(
    tmp_path: Path, ending: str, encoding: str
) -> None:
    text = SAMPLES["investing-german"][1].lstrip("\ufeff")
    path = tmp_path / f"ACME.csv{ending}"
    COMPRESSED[ending](path, text.encode(encoding))
    [prices] = imported(path)
    assert (prices.format, prices.bars.symbol) == ("investing-german", "ACME")
    assert prices.bars.close.tolist() == CLOSES
    renamed = path.rename(tmp_path / "ACME.csv")
    assert imported(renamed)[0].bars.close.tolist() == CLOSES, "the name says nothing"


def test_an_archive_and_files_of_one_symbol_are_joined(tmp_path: Path) -> None:
    head, *rows = SAMPLES["polygon"][1].splitlines()
    archive = tmp_path / "days.zip"
    with zipfile.ZipFile(archive, "w") as days:
        for row, day in zip(rows, DAYS, strict=True):
            content = f"{head}\n{row}\n{row.replace('ACME', 'OTHER')}\n"
            days.writestr(f"{day}.csv", content)
    acme, other = imported(archive)
    assert [acme.bars.symbol, other.bars.symbol] == ["ACME", "OTHER"]
    assert acme.bars.close.tolist() == other.bars.close.tolist() == CLOSES
    assert acme.resolution == "day"
    (tmp_path / "one.csv").write_text(f"{head}\n{rows[0]}\n")
    with pytest.raises(DataError, match=r"too few rows of ACME to infer .*; give --resolution"):
        imported(tmp_path / "one.csv")
    assert imported(tmp_path / "one.csv", resolution="day")[0].resolution == "day"
    both = [*read_prices(archive), *read_prices(archive)]
    with pytest.raises(DataError, match=r"more than one source holds ACME at 2023-03-27T00:00:00"):
        merged(both)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04", "cannot be read as a zip archive"),
        (b"\xd0\xcf\x11\xe0", "is an Excel workbook; save it as CSV"),
        (b"<!DOCTYPE html><html>", "is a web page, not prices"),
        (b'{"Information": "rate limit"}', "is JSON, which is not imported"),
        (b"", "is empty"),
        (gzip.compress(b"Date,Open\n" * 99, mtime=0)[:-9], "cannot be read"),
        (b"Date,Open,High,Low,Close\n", "has a header but no rows"),
        (b"Day,A,B,C,D,E\n2023-03-27,1,1,1,1,1\n", "line 1: no column 'open'; the header is"),
        (b"Date,A,B,C,Close\n2023-03-27,1,1,1,1\n", "if another one holds it, say --column open="),
        (b"Date,Open,High,Low,Close\n2023-03-27,1,1,1\n", "line 2: expected 5 cells, got 4"),
        (
            b"Date,Open,High,Low,Close\n2023-03-27,1,1,,1\n",
            "line 2, column 'Low': expected a price",
        ),
        (b"Date,Open,High,Low,Close\n2023-03-27,1,1,x,1\n", "column 'Low': expected a number, got"),
        (
            b"Date,Open,High,Low,Close\n2023-02-30,1,1,1,1\n",
            "column 'Date': expected a date or time",
        ),
        (b"Date,Open,High,Low,Close\n45005,1,1,1,1\n", "looks like serial numbers of days"),
        (b"Date,Open,High,Low,Close,Close\n", "line 1: column 'close' appears more than once"),
        (b"nothing, at all\n", "expected lines with a time and four prices"),
    ],
)
def test_what_holds_no_prices_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "X.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        imported(tmp_path / "X.csv")
    assert str(caught.value).startswith("X.csv")
    assert message in str(caught.value)


def test_a_workbook_is_an_archive_that_is_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "X.csv", "w") as book:
        book.writestr("[Content_Types].xml", "")
    with pytest.raises(DataError, match=r"^X\.csv is an Excel workbook"):
        imported(tmp_path / "X.csv")


def dated(folder: Path, *dates: str) -> Path:
    path = folder / "X.csv"
    path.write_text("Date,Open,High,Low,Close\n" + "".join(f"{each},1,1,1,1\n" for each in dates))
    return path


@pytest.mark.parametrize(
    ("dates", "day_first", "meant"),
    [
        (("31/03/2023", "03/04/2023"), None, ["2023-03-31", "2023-04-03"]),
        (("03/31/2023", "04/03/2023"), None, ["2023-03-31", "2023-04-03"]),
        (
            ("03/04/2023", "04/04/2023", "06/04/2023"),
            None,
            ["2023-04-03", "2023-04-04", "2023-04-06"],
        ),
        (("03/04/2023", "05/04/2023"), True, ["2023-04-03", "2023-04-05"]),
        (("03/04/2023", "03/05/2023"), False, ["2023-03-04", "2023-03-05"]),
        (("03.04.2023", "05.04.2023"), None, ["2023-04-03", "2023-04-05"]),
        (("Apr 03 2023", "Apr 05 2023"), None, ["2023-04-03", "2023-04-05"]),
        (("03-Apr-2023", "05-Apr-23"), None, ["2023-04-03", "2023-04-05"]),
        (("20230403", "20230405"), None, ["2023-04-03", "2023-04-05"]),
        (("2023/4/3", "2023/4/5"), None, ["2023-04-03", "2023-04-05"]),
    ],
)
def test_the_order_of_day_and_month_is_found(
    tmp_path: Path,
    dates: tuple[str, ...],
    day_first: bool | None,  # noqa: FBT001 - a parameter of the test
    meant: list[str],
) -> None:
    [prices] = imported(dated(tmp_path, *dates), day_first=day_first)
    assert prices.bars.time.astype("M8[D]").astype(str).tolist() == meant


def test_dates_that_show_no_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"begins with the day or the month; give --dayfirst"):
        imported(dated(tmp_path, "03/04/2023", "03/04/2023"))
    with pytest.raises(DataError, match="line 3, column 'Date': expected a date or time"):
        imported(dated(tmp_path, "31/03/2023", "03/31/2023"))


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2023-03-27 09:30:00", "2023-03-27T13:30"),
        ("20230327 093000", "2023-03-27T13:30"),
        ("202303270930", "2023-03-27T13:30"),
        ("03/27/2023 09:30 AM", "2023-03-27T13:30"),
        ("2023-03-27 01-PM", "2023-03-27T17:00"),
        ("27.03.2023 09:30:00.000 GMT+0200", "2023-03-27T07:30"),
        ("2023-03-27T09:30:00+02:00", "2023-03-27T07:30"),
        (str(count("2023-03-27", 3, 9)), "2023-03-27T09:00"),
    ],
)
def test_a_time_zone_places_times_without_an_offset(tmp_path: Path, written: str, utc: str) -> None:
    path = dated(tmp_path, written)
    [prices] = imported(path, timezone="America/New_York", resolution="hour")
    assert str(prices.bars.time[0].astype("M8[m]")) == utc
    assert not prices.is_local
    data = tmp_path / "data"
    write_prices(target_path(data, "X", "hour", "csv"), prices.bars)
    request = BacktestRequest(
        symbols="X",
        start_date="2023-03-26",
        end_date="2023-03-28",
        resolution="hour",
    )
    [bars] = Catalogue(data).load(request).bars
    assert bars.time.tolist() == prices.bars.time.tolist()
    assert (bars.offset is None) == (prices.bars.offset is None)


def test_histdata_s_clock_has_no_summer_time(tmp_path: Path) -> None:
    path = tmp_path / "DAT_ASCII_EURUSD_M1_202307.csv"
    path.write_text("20230703 000000;10;11;9;10;0\n20230703 000100;10;11;9;10;0\n")
    [prices] = read_prices(path, ImportOptions())
    assert prices.bars.time[0] == np.datetime64("2023-07-03T05:00")


def written_file(tmp_path: Path, header: str, times: Sequence[str], end: str = "1000") -> Path:
    path = tmp_path / "X.csv"
    path.write_text(f"{header}\n" + "".join(f"{time},10,11,9,10,{end}\n" for time in times))
    return path


@pytest.mark.parametrize("form", ["{} US/Eastern", "{} America/New_York"])
def test_the_name_of_a_zone_beside_the_times_is_their_zone(tmp_path: Path, form: str) -> None:
    """The summer of New York begins between the two: the 10th is at -05:00, the 13th at -04:00."""
    times = ["20230310 09:30:00", "20230310 10:30:00", "20230313 09:30:00", "20230313 10:30:00"]
    path = written_file(
        tmp_path, "date,open,high,low,close,volume", [form.format(t) for t in times]
    )
    [prices] = read_prices(path, ImportOptions())
    assert prices.bars.time.astype("M8[m]").astype(str).tolist() == [
        "2023-03-10T14:30",
        "2023-03-10T15:30",
        "2023-03-13T13:30",
        "2023-03-13T14:30",
    ]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2023-03-10 09:30:00 EST", "without 'EST'; take it away and name the zone by --timezone"),
        ("09:30", "a date, beside the time of day or in a column of its own, got '09:30'"),
    ],
)
def test_a_time_that_lacks_something_is_refused_with_what_to_do(
    tmp_path: Path, time: str, expected: str
) -> None:
    path = written_file(tmp_path, "date,open,high,low,close,volume", [time, time])
    with pytest.raises(DataError) as caught:
        list(read_prices(path, ImportOptions()))
    assert expected in str(caught.value)


def test_units_are_the_volume_where_money_stands_beside_them(tmp_path: Path) -> None:
    header = "Datum,Erster,Hoch,Tief,Schlusskurs,Stuecke,Volumen"
    path = written_file(tmp_path, header, ["2023-03-10", "2023-03-13"], end="1000,10000")
    [prices] = read_prices(path, ImportOptions())
    assert prices.bars.volume.tolist() == [1000.0, 1000.0]


def test_two_volumes_of_one_name_are_refused(tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume,Volume"
    path = written_file(tmp_path, header, ["2023-03-10", "2023-03-13"], end="1000,7000")
    with pytest.raises(DataError, match="column 'volume' appears more than once"):
        list(read_prices(path, ImportOptions()))


def test_a_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--timezone should be a time zone's name"):
        imported(dated(tmp_path, "2023-03-27", "2023-03-28"), timezone="Mars/Olympus")


def test_times_of_an_unknown_zone_are_kept_and_said(tmp_path: Path) -> None:
    [prices] = imported(dated(tmp_path, "2023-03-27 09:30", "2023-03-27 10:30"))
    assert prices.is_local
    assert any("--timezone names it now" in note for note in prices.notes)


@pytest.mark.parametrize(
    "name", ["yahoo", "tiingo", "yfinance-unadjusted", "alpha-vantage-adjusted"]
)
def test_adjusted_prices_are_taken_when_they_are_asked_for(tmp_path: Path, name: str) -> None:
    path = sample(tmp_path, name)
    [quoted], [adjusted] = imported(path), imported(path, adjusted=True)
    assert any("--adjusted takes the adjusted closes" in note for note in quoted.notes)
    assert adjusted.bars.close.tolist() == [close / 2 for close in CLOSES]
    assert adjusted.bars.high.tolist() == [high / 2 for _, high, _, _ in BARS]
    assert adjusted.factors is None


def test_a_file_without_adjusted_prices_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--adjusted needs a column of adjusted closes"):
        imported(sample(tmp_path, "plain"), adjusted=True)


ACTIONS = """\
date,close,high,low,open,volume,adjClose,divCash,splitFactor
2023-03-27,100,100,100,100,9,48,0.0,1.0
2023-03-28,100,100,100,100,9,48,0.0,1.0
2023-03-29,50,50,50,50,9,48,0.0,2.0
2023-03-30,48,48,48,48,9,48,2.0,1.0
"""


def test_splits_and_dividends_become_factors(tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_text(ACTIONS)
    [prices] = imported(tmp_path / "ACME.csv")
    data = tmp_path / "data"
    write_prices(target_path(data, "ACME", "day", "csv"), prices.bars)
    assert prices.factors is not None
    write_factors_file(factors_path(data, "ACME"), prices.factors)
    request = BacktestRequest(symbols="ACME", start_date="2023-03-01", end_date="2023-04-01")
    closes = {
        each: Catalogue(data).load(evolve(request, adjustment=each)).bars[0].close.tolist()
        for each in ("none", "splits", "total")
    }
    assert closes["none"] == [100, 100, 50, 48]
    assert closes["splits"] == [50, 50, 50, 48]
    assert closes["total"] == [48, 48, 48, 48]


def test_a_split_that_left_no_jump_was_adjusted_before(tmp_path: Path) -> None:
    """Yahoo adjusts prices for splits and lists them all the same."""
    rows = ACTIONS.replace(",100", ",50")
    (tmp_path / "ACME.csv").write_text(rows)
    [prices] = imported(tmp_path / "ACME.csv")
    assert prices.factors is not None
    assert prices.factors.split.tolist() == [1.0]
    assert prices.factors.price.tolist() == [0.96]


def test_prices_that_are_adjusted_already_get_factors_that_change_nothing(tmp_path: Path) -> None:
    text = SAMPLES["yfinance"][1].replace("0.0,0.0\n2023-03-29", "3.5,2.0\n2023-03-29")
    path = tmp_path / "ACME.csv"
    path.write_text(text)
    [prices] = imported(path)
    assert prices.factors is not None
    assert len(prices.factors.date) == 0
    assert any("nothing is left to adjust" in note for note in prices.notes)


def test_what_was_left_out_or_decided_is_said(tmp_path: Path) -> None:
    [yahoo] = imported(sample(tmp_path, "yahoo"))
    assert "1 row without prices left out" in yahoo.notes
    [crypto] = imported(sample(tmp_path, "cryptodatadownload"))
    [note] = crypto.notes
    assert note == "the text above the rows is left out: 'https://www.CryptoDataDownload.com'"
    [dated_only] = imported(dated(tmp_path, "2023-03-27", "2023-03-28"))
    assert "no column of volumes: they are recorded as unknown" in dated_only.notes


def test_a_name_that_says_no_symbol_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "HistoricalData_1680000000000.csv"
    path.write_text(SAMPLES["nasdaq"][1])
    with pytest.raises(DataError, match="the name does not say the symbol; give --symbol"):
        imported(path)
    assert imported(path, symbol="ACME")[0].bars.symbol == "ACME"


def test_several_tickers_of_one_download_are_split(tmp_path: Path) -> None:
    acme, other = imported(sample(tmp_path, "yfinance-download"))
    assert (acme.bars.symbol, other.bars.symbol) == ("ACME", "OTHER")
    assert other.bars.close.tolist() == CLOSES[3:]
    with pytest.raises(DataError, match="holds 2 symbols; --symbol names one"):
        imported(sample(tmp_path, "yfinance-download"), symbol="X")


def test_parquet_of_pandas_is_recognised_by_the_same_names(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    closes = pa.array(CLOSES)
    days = pa.array(DAYS.astype("M8[D]").tolist(), pa.date32())
    table = {
        "__index_level_0__": days,
        **dict.fromkeys(("Open", "High", "Low", "Close"), closes),
        "Adj Close": pa.array([close / 2 for close in CLOSES]),
        "Dividends": pa.array([0.0] * 6),
        "Stock Splits": pa.array([0.0] * 6),
    }
    pq.write_table(pa.table(table), tmp_path / "ACME.parquet")
    [prices] = imported(tmp_path / "ACME.parquet")
    assert (prices.format, prices.bars.symbol) == ("yfinance-unadjusted", "ACME")
    assert prices.bars.close.tolist() == CLOSES
    assert np.isnan(prices.bars.volume).all()
    [adjusted] = imported(tmp_path / "ACME.parquet", adjusted=True)
    assert adjusted.bars.close.tolist() == [close / 2 for close in CLOSES]


NUMBERS = [
    (",", ["1,234.50", "1,234"], [1234.5, 1234]),
    (",", ["1,234,567", "1.085"], [1234567, 1.085]),
    (",", ["12,34,567", "1.5"], [1234567, 1.5]),
    (",", ["110,5", "1.234,5"], [110.5, 1234.5]),
    (",", ["1,234", "5,678"], [1234, 5678]),
    (";", ["1,234", "5,678"], [1.234, 5.678]),
    (";", ["110.00", "1,234,567"], [110, 1234567]),
    (";", ["110,00", "1.234.567"], [110, 1234567]),
    (";", ["1.085", "1.086"], [1.085, 1.086]),
    (",", ["$1.50", "2.3M", "1'234.5", "-", "4K", "1e3"], [1.5, 2.3e6, 1234.5, np.nan, 4e3, 1e3]),
]


@pytest.mark.parametrize(("delimiter", "cells", "meant"), NUMBERS)
def test_numbers_are_read_with_the_decimal_mark_that_they_show(
    delimiter: str, cells: list[str], meant: list[float]
) -> None:
    found = read_numbers(cells, decimal_mark(cells, delimiter))
    assert np.array_equal(found, meant, equal_nan=True)


@pytest.mark.parametrize("cell", ["1.234,50.1", "12,3456", "1,2,3", "110.00.00", "x", "1_000", "٣"])
def test_a_number_in_no_known_form_is_refused(cell: str) -> None:
    for mark in (".", ","):
        if mark == "," and cell == "12,3456":
            continue  # a number with decimals
        with pytest.raises(BadCellError):
            read_numbers([cell], mark)


def test_a_text_beside_the_prices_of_an_archive_is_left_out_and_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ACME.zip", "w") as archive:
        archive.writestr("README.txt", "All about these prices.")
        archive.writestr("ACME.csv", SAMPLES["plain"][1])
    [prices] = imported(tmp_path / "ACME.zip")
    assert prices.notes == ("other files of the archive are left out: README.txt",)


def test_a_header_of_the_same_names_in_another_order_is_of_no_vendor(tmp_path: Path) -> None:
    head = "time,open,high,low,close,Volume"
    text = lines(head, lambda d, o, h, low, c, v: f"{count(d, 0)},{o},{h},{low},{c},{v}")
    (tmp_path / "BATS_ACME, 1D.csv").write_text(text)
    [prices] = imported(tmp_path / "BATS_ACME, 1D.csv")
    assert (prices.format, prices.bars.symbol) == ("plain", "ACME")
