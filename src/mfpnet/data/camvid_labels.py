"""CamVid's own 32 labels (Brostow, Fauqueur, Cipolla 2009) and the usual 11 classes of them."""

from __future__ import annotations

from mfpnet.labels import Colour, LabelSet

# As in label_colors.txt of the data.
COLOURS: dict[str, Colour] = {
    "Animal": (64, 128, 64),
    "Archway": (192, 0, 128),
    "Bicyclist": (0, 128, 192),
    "Bridge": (0, 128, 64),
    "Building": (128, 0, 0),
    "Car": (64, 0, 128),
    "CartLuggagePram": (64, 0, 192),
    "Child": (192, 128, 64),
    "Column_Pole": (192, 192, 128),
    "Fence": (64, 64, 128),
    "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64),
    "Misc_Text": (128, 128, 64),
    "MotorcycleScooter": (192, 0, 192),
    "OtherMoving": (128, 64, 64),
    "ParkingBlock": (64, 192, 128),
    "Pedestrian": (64, 64, 0),
    "Road": (128, 64, 128),
    "RoadShoulder": (128, 128, 192),
    "Sidewalk": (0, 0, 192),
    "SignSymbol": (192, 128, 128),
    "Sky": (128, 128, 128),
    "SUVPickupTruck": (64, 128, 192),
    "TrafficCone": (0, 0, 64),
    "TrafficLight": (0, 64, 64),
    "Train": (192, 64, 128),
    "Tree": (128, 128, 0),
    "Truck_Bus": (192, 128, 192),
    "Tunnel": (64, 0, 64),
    "VegetationMisc": (192, 192, 0),
    "Void": (0, 0, 0),
    "Wall": (64, 192, 0),
}
VOID = "Void"

# The grouping of the SegNet form, as MATLAB's CamVid example and others write it out too; every
# label but Void belongs to one class.
GROUPS: dict[str, tuple[str, ...]] = {
    "sky": ("Sky",),
    "building": ("Building", "Archway", "Bridge", "Tunnel", "Wall"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "tree": ("Tree", "VegetationMisc"),
    "sign": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "OtherMoving", "SUVPickupTruck", "Train", "Truck_Bus"),
    "pedestrian": ("Pedestrian", "Animal", "CartLuggagePram", "Child"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
_KEPT = tuple(name for name in COLOURS if name != VOID)
CAMVID_ALL = LabelSet("camvid32", _KEPT, tuple(COLOURS[name] for name in _KEPT), 255)
