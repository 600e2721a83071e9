"""The formats of vendors: one declaration each, the more special before the more general.

Sources: files and documentation of the vendors. A column that identifies a format stands in
`header`; the roles of the columns are in `roles`, which knows the names of all vendors.
"""

from __future__ import annotations

from collections.abc import Mapping

from glowback_trio.data.tools.formats.vendor import Vendor

__all__ = ["PLAIN", "VENDORS", "vendor_by_name"]

_NEW_YORK = "America/New_York"
_NEW_YORK_WITHOUT_SUMMER = "Etc/GMT+5"  # the sign of POSIX: five hours behind UTC
_OHLCV = ("open", "high", "low", "close", "volume")


def _columns(names: str) -> tuple[str, ...]:
    return tuple(names.split(","))


#: The format of a file that no declaration fits.
PLAIN = Vendor(
    name="plain",
    title="Any other: pandas, spreadsheets, ib_insync, TradingView",
    order=("time", *_OHLCV),
    symbol_in_name=r"([A-Z]+_)?(?P<symbol>[^, ]+), \w+",  # TradingView: `BATS_AAPL, 1D.csv`
)

VENDORS: tuple[Vendor, ...] = (
    Vendor(
        name="yfinance",
        title="yfinance, `history` with actions",
        header=_columns("dividends,stock splits"),
        absent=frozenset({"adj close"}),
        adjusted=True,
        note="yfinance adjusts prices for splits and dividends unless auto_adjust is False",
    ),
    Vendor(
        name="yfinance-unadjusted",
        title="yfinance, `history` with auto_adjust=False",
        header=_columns("dividends,stock splits,adj close"),
    ),
    # Found by its three header rows.
    Vendor(name="yfinance-download", title="yfinance, `download`, one ticker or several"),
    Vendor(
        name="yahoo",
        title="Yahoo Finance, download of the web page",
        header=_columns("date,open,high,low,close,adj close,volume"),
    ),
    Vendor(
        name="stooq-bulk",
        title="Stooq, bulk files",
        header=_columns("ticker,per,date,time,open,high,low,close,vol,openint"),
        note="Stooq's intraday times are local; --timezone names their zone",
    ),
    Vendor(
        name="stooq-intraday",
        title="Stooq, intraday",
        header=_columns("date,time,open,high,low,close,volume"),
        symbol_in_name=r"(?P<symbol>.+?)_\d+_[a-z]",
    ),
    Vendor(
        name="nasdaq",
        title="Nasdaq.com, historical quotes",
        header=_columns("date,close/last,open,high,low"),
        day_first=False,
        # Such a name says when the file was made, not what it holds: the symbol is empty.
        symbol_in_name=r"(?P<symbol>((?!HistoricalData_\d).)*)(HistoricalData_\d+.*)?",
    ),
    Vendor(
        name="investing",
        title="Investing.com",
        header=_columns("date,price,open,high,low,vol.,change %"),
        day_first=False,
        symbol_in_name=r"(?P<symbol>.+?) Historical Data( \(\d+\))?",
    ),
    Vendor(
        name="investing-german",
        title="Investing.com, German page",
        header=_columns("datum,zuletzt,eröffn.,hoch,tief"),
        day_first=True,
        symbol_in_name=r"(?P<symbol>.+?) Historische Daten( \(\d+\))?",
    ),
    Vendor(
        name="binance",
        title="Binance, klines (data.binance.vision)",
        header=_columns("open_time,open,high,low,close,volume,close_time"),
        order=("time", *_OHLCV, "time", "-", "-", "-", "-", "-"),
        counted=True,
        symbol_in_name=r"(?P<symbol>[A-Z0-9]+)-\d+\w+(-.+)?",
    ),
    Vendor(
        name="kraken",
        title="Kraken, OHLCVT",
        order=("time", *_OHLCV, "-"),
        counted=True,
        symbol_in_name=r"(?P<symbol>[A-Z0-9.]+)_\d+",
    ),
    Vendor(
        name="coinbase",
        title="Coinbase, candles",
        header=_columns("time,low,high,open,close,volume"),
        in_order=True,
        order=("time", "low", "high", "open", "close", "volume"),
        counted=True,
    ),
    Vendor(
        name="cryptodatadownload",
        title="CryptoDataDownload",
        header=_columns("unix,date,symbol,open,high,low,close"),
    ),
    Vendor(
        name="metatrader5",
        title="MetaTrader 5, bars of the symbol window",
        header=_columns("date,open,high,low,close,tickvol,vol,spread"),
        symbol_in_name=r"(?P<symbol>.+?)_(M\d+|H\d+|Daily|Weekly|Monthly)_\d+_\d+",
        note="MetaTrader's times are those of the broker's server; --timezone names their zone",
    ),
    # Source of the zone: http://histdata.com/?p=21
    Vendor(
        name="histdata",
        title="HistData, generic ASCII",
        order=("time", *_OHLCV),
        by_name=True,
        zone=_NEW_YORK_WITHOUT_SUMMER,
        symbol_in_name=r"DAT_ASCII_(?P<symbol>[A-Z]{6})_\w+",
    ),
    Vendor(
        name="histdata-metatrader",
        title="HistData, MetaTrader",
        order=("date", "time of day", *_OHLCV),
        by_name=True,
        zone=_NEW_YORK_WITHOUT_SUMMER,
        symbol_in_name=r"DAT_MT_(?P<symbol>[A-Z]{6})_\w+",
    ),
    Vendor(
        name="metatrader4",
        title="MetaTrader 4, history centre",
        order=("date", "time of day", *_OHLCV),
        symbol_in_name=r"(?P<symbol>[A-Za-z]{6}[^_\d]*?)(_?M?\d+)?(_\d+)?",
        note="MetaTrader's times are those of the broker's server; --timezone names their zone",
    ),
    Vendor(
        name="alpha-vantage-adjusted",
        title="Alpha Vantage, daily adjusted",
        header=_columns("timestamp,open,high,low,close,volume,dividend_amount"),
        zone=_NEW_YORK,
        symbol_in_name=r"(daily_adjusted_)?(?P<symbol>.+)",
    ),
    Vendor(
        name="tiingo",
        title="Tiingo, daily prices",
        header=_columns("date,close,high,low,open,volume,adjclose"),
    ),
    Vendor(
        name="polygon",
        title="Polygon (Massive), flat files",
        header=_columns("ticker,open,close,high,low,window_start"),
        zone=_NEW_YORK,
        note="the days of one symbol are in one file each: import them together",
    ),
    Vendor(
        name="dukascopy",
        title="Dukascopy, `Gmt time`",
        header=_columns("gmt time,open,high,low,close"),
        day_first=True,
        zone="UTC",
        symbol_in_name=r"(?P<symbol>[^_]+)_Candlestick_.+",
    ),
    Vendor(
        name="dukascopy-local",
        title="Dukascopy, `Local time`",
        header=_columns("local time,open,high,low,close"),
        day_first=True,
        symbol_in_name=r"(?P<symbol>[^_]+)_Candlestick_.+",
    ),
    Vendor(
        name="firstrate",
        title="FirstRate Data, intraday and daily text files",
        order=("time", *_OHLCV),
        zone=_NEW_YORK,
        by_name=True,
        symbol_in_name=r"(?P<symbol>[^_]+)_(full_)?(1min|5min|30min|1hour|1day)(_\w+)?",
    ),
    # Told from plain files by nothing but their names.
    Vendor(
        name="alpha-vantage",
        title="Alpha Vantage, `intraday_5min_IBM.csv` and the like",
        header=_columns("timestamp,open,high,low,close,volume"),
        by_name=True,
        zone=_NEW_YORK,
        symbol_in_name=r"(daily|weekly|monthly|intraday_\d+min)_(?P<symbol>.+)",
    ),
    Vendor(
        name="stooq",
        title="Stooq, `aapl_us_d.csv` and the like",
        header=_columns("date,open,high,low,close"),
        by_name=True,
        symbol_in_name=r"(?P<symbol>[a-z0-9^._-]+)_[dwmqy]",
    ),
    PLAIN,
)

_BY_NAME: Mapping[str, Vendor] = {vendor.name: vendor for vendor in VENDORS}


def vendor_by_name(name: str) -> Vendor | None:
    """Return the format that `--format` calls by a name; None if there is none."""
    return _BY_NAME.get(name.lower())
