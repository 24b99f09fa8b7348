"""Test firmware: samples the front end with the firmware's own driver and reports each second."""

import gc
import machine
import time

import board
from monitor.afe.driver import find
from monitor.sampler import Sampler
